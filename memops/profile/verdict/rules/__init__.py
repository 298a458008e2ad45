"""The rules of the verdict: each looks at a case and says a finding, what it lacks, or nothing."""
