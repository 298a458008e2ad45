"""States (nouns) and actions (verbs), each a pure function from facts to steps."""
