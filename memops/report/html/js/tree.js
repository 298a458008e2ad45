'use strict';

/*
 * Stacks as a tree of calls, in flat arrays: a node is a function called in one way. A caller always
 * has a lower number than what it calls, so one pass forwards or backwards does what recursion would.
 */
const tree = (() => {
  /*
   * The tree of rows, from the root. Each row keeps so many frames of the one before and adds so many,
   * each a new node; frames are places among the callees of the caller (see stacks.py).
   */
  function fromRoot({ keep, add, frames }, callees) {
    const count = frames.length + 1;
    const parent = new Uint32Array(count);
    const code = new Int32Array(count);
    const depth = new Uint16Array(count);
    const end = new Uint32Array(keep.length); // the node at which each row ends
    const path = [0];
    let node = 0;
    code[0] = -1;
    for (let row = 0; row < keep.length; row += 1) {
      path.length = keep[row] + 1;
      let above = path[keep[row]];
      for (let left = add[row]; left > 0; left -= 1) {
        node += 1;
        const calls = above ? callees[code[above]] : callees[callees.length - 1];
        code[node] = calls[frames[node - 1]];
        parent[node] = above;
        depth[node] = depth[above] + 1;
        path.push(node);
        above = node;
      }
      end[row] = above;
    }
    return { count, parent, code, depth, end };
  }

  /* The same stacks from the functions that allocate: a callee's children are its callers. */
  function fromLeaf(root) {
    const most = root.end.reduce((sum, leaf) => sum + root.depth[leaf], 1);
    const parent = new Uint32Array(most);
    const code = new Int32Array(most);
    const depth = new Uint16Array(most);
    const end = new Uint32Array(root.end.length);
    const find = table(parent, code, most);
    let count = 1;
    code[0] = -1;
    root.end.forEach((leaf, row) => {
      let at = 0;
      for (let node = leaf; node; node = root.parent[node]) {
        const next = find(at, root.code[node], count);
        if (next === count) {
          depth[next] = depth[at] + 1;
          count += 1;
        }
        at = next;
      }
      end[row] = at;
    });
    return {
      count, end,
      parent: parent.subarray(0, count), code: code.subarray(0, count), depth: depth.subarray(0, count),
    };
  }

  /*
   * Finds the node of a code below a parent, or makes it with the number given: a hash table with open
   * addressing, for a Map of millions of keys takes seconds.
   */
  function table(parent, code, most) {
    const bits = Math.ceil(Math.log2(2 * most)) + 1;
    const slots = new Uint32Array(2 ** bits);
    const mask = slots.length - 1;
    return (above, wanted, fresh) => {
      let slot = (Math.imul(above, 2654435761) ^ Math.imul(wanted + 1, 2246822519)) >>> (32 - bits);
      while (slots[slot]) {
        const node = slots[slot];
        if (parent[node] === above && code[node] === wanted) return node;
        slot = (slot + 1) & mask;
      }
      slots[slot] = fresh;
      parent[fresh] = above;
      code[fresh] = wanted;
      return fresh;
    };
  }

  /*
   * What each node adds up to, of one set of amounts. size is all that changed and gives the width, so
   * that what shrank does not hide what grew; net is what is left of it; variance that of the bytes.
   */
  function weigh(shape, amounts) {
    const size = new Float64Array(shape.count);
    const net = new Float64Array(shape.count);
    const objects = new Float64Array(shape.count);
    const variance = new Float64Array(shape.count);
    shape.end.forEach((node, row) => {
      size[node] += Math.abs(amounts.bytes[row]);
      net[node] += amounts.bytes[row];
      objects[node] += amounts.objects[row];
      variance[node] += amounts.error[row] ** 2;
    });
    for (let node = shape.count - 1; node > 0; node -= 1) {
      const above = shape.parent[node];
      size[above] += size[node];
      net[above] += net[node];
      objects[above] += objects[node];
      variance[above] += variance[node];
    }
    return { ...shape, size, net, objects, variance, ...arrange(shape, size) };
  }

  /*
   * The children of each node, the largest first: kids[kidsFrom[node]] up to kids[kidsFrom[node + 1]].
   * start is where a node begins on the axis of all sizes.
   */
  function arrange(shape, size) {
    const kidsFrom = new Uint32Array(shape.count + 1);
    for (let node = 1; node < shape.count; node += 1) kidsFrom[shape.parent[node] + 1] += 1;
    for (let node = 0; node < shape.count; node += 1) kidsFrom[node + 1] += kidsFrom[node];
    const filled = kidsFrom.slice();
    const kids = new Uint32Array(Math.max(shape.count - 1, 0));
    for (let node = 1; node < shape.count; node += 1) {
      kids[filled[shape.parent[node]]] = node;
      filled[shape.parent[node]] += 1;
    }
    const start = new Float64Array(shape.count);
    for (let node = 0; node < shape.count; node += 1) {
      const [from, to] = [kidsFrom[node], kidsFrom[node + 1]];
      if (to - from > 1) {
        kids.subarray(from, to).sort((one, other) => size[other] - size[one] || one - other);
      }
      let at = start[node];
      for (let kid = from; kid < to; kid += 1) {
        start[kids[kid]] = at;
        at += size[kids[kid]];
      }
    }
    return { kids, kidsFrom, start };
  }

  /* The callers of a node from the root to itself. */
  function path(grown, node) {
    const nodes = [];
    for (let at = node; at; at = grown.parent[at]) nodes.push(at);
    return nodes.reverse();
  }

  /*
   * What each function allocated itself, and with all that it called, by the first of its codes (whole
   * has that of each); one that calls itself counts once. The nodes of a tree from the root come in the order of their rows, so that the functions of
   * the path to a node are those that were met and not yet left.
   */
  function functions(grown, amounts, whole) {
    const flat = sums(whole.length);
    const cumulative = sums(whole.length);
    const met = new Uint32Array(whole.length);
    const path = [];
    for (let node = 1; node < grown.count; node += 1) {
      while (path.length >= grown.depth[node]) met[path.pop()] -= 1;
      const code = whole[grown.code[node]];
      if (!met[code]) add(cumulative, code, grown.net[node], grown.objects[node], grown.variance[node]);
      met[code] += 1;
      path.push(code);
    }
    grown.end.forEach((node, row) => {
      add(flat, whole[grown.code[node]], amounts.bytes[row], amounts.objects[row], amounts.error[row] ** 2);
    });
    return { flat, cumulative };
  }

  function sums(many) {
    return { bytes: new Float64Array(many), objects: new Float64Array(many),
      variance: new Float64Array(many) };
  }

  function add(to, at, bytes, objects, variance) {
    to.bytes[at] += bytes;
    to.objects[at] += objects;
    to.variance[at] += variance;
  }

  return Object.freeze({ functions, fromRoot, fromLeaf, weigh, path });
})();
