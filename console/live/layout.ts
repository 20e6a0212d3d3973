/**
 * Where the map's nodes lie: in columns from left to right, as work goes, each column ordered so that few lines cross; what is connected to nothing
 * lies in a block below. Pure, and quick for thousands.
 */
export interface Place {
  readonly x: number;
  readonly y: number;
}

export const COLUMN_PX = 300;
export const ROW_PX = 104;
const BESIDE_PX = 226;
const ROWS_MIN = 10;
const SWEEPS = 4;
const BLOCK_COLUMN_PX = 222;
const BLOCK_ROW_PX = 52;

/** @param loose nodes for the block below */
export function layout(
  nodes: readonly string[],
  edges: readonly { readonly from: string; readonly to: string }[],
  loose: readonly string[],
): Map<string, Place> {
  const next = new Map<string, string[]>(nodes.map((node) => [node, []]));
  const before = new Map<string, string[]>(nodes.map((node) => [node, []]));
  for (const { from, to } of edges) {
    next.get(from)?.push(to);
    before.get(to)?.push(from);
  }
  const columns = columnsOf(nodes, next, before);
  const rows = new Map<string, number>();
  const number = (column: readonly string[]) => {
    for (const [row, node] of column.entries()) rows.set(node, (row + 0.5) / column.length);
  };
  for (const column of columns) number(column);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const forth = sweep % 2 === 0;
    const neighbours = forth ? before : next;
    for (const column of forth ? columns : columns.toReversed()) {
      const weight = (node: string): number => {
        const near = (neighbours.get(node) ?? []).flatMap((other) => rows.get(other) ?? []);
        return near.length === 0 ? rows.get(node)! : near.reduce((sum, row) => sum + row, 0) / near.length;
      };
      const weights = new Map(column.map((node) => [node, weight(node)]));
      column.sort((one, other) => weights.get(one)! - weights.get(other)! || (one < other ? -1 : 1));
      number(column);
    }
  }
  // A column that is too tall to be looked at becomes several, side by side.
  const rowsMax = Math.max(ROWS_MIN, Math.ceil(Math.sqrt(nodes.length * (COLUMN_PX / ROW_PX))));
  const tallest = Math.max(1, ...columns.map((column) => Math.min(column.length, rowsMax)));
  const places = new Map<string, Place>();
  let x = 0;
  for (const column of columns) {
    for (let at = 0; at < column.length; at += rowsMax) {
      const part = column.slice(at, at + rowsMax);
      for (const [y, node] of part.entries()) places.set(node, { x, y: (y + (tallest - part.length) / 2) * ROW_PX });
      x += at + rowsMax < column.length ? BESIDE_PX : COLUMN_PX;
    }
  }
  // As wide as what is above it, so that both are seen at once.
  const wide = Math.max(4, Math.floor(x / BLOCK_COLUMN_PX), Math.ceil(Math.sqrt(loose.length)));
  const top = columns.length === 0 ? 0 : tallest * ROW_PX + 24;
  loose.forEach((node, i) => {
    places.set(node, { x: (i % wide) * BLOCK_COLUMN_PX, y: top + Math.floor(i / wide) * BLOCK_ROW_PX });
  });
  return places;
}

/** Longest way from the left; an edge that would lead back into its own beginning is not counted. */
function columnsOf(
  nodes: readonly string[],
  next: ReadonlyMap<string, readonly string[]>,
  before: ReadonlyMap<string, readonly string[]>,
): string[][] {
  const depths = new Map<string, number>();
  const open = new Set<string>();
  const order: string[] = [];
  // Depth first, without recursion: chains may be long.
  const starts = [...nodes].sort((a, b) => before.get(a)!.length - before.get(b)!.length || (a < b ? -1 : 1));
  const back = new Set<string>();
  for (const start of starts) {
    const stack: { node: string; at: number }[] = [{ node: start, at: 0 }];
    if (depths.has(start)) continue;
    depths.set(start, 0);
    open.add(start);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const children = next.get(top.node)!;
      if (top.at === children.length) {
        open.delete(top.node);
        order.push(top.node);
        stack.pop();
        continue;
      }
      const child = children[top.at++]!;
      if (open.has(child)) back.add(`${top.node}→${child}`);
      else if (!depths.has(child)) {
        depths.set(child, 0);
        open.add(child);
        stack.push({ node: child, at: 0 });
      }
    }
  }
  for (const node of order.reverse()) {
    for (const child of next.get(node)!) {
      if (!back.has(`${node}→${child}`)) depths.set(child, Math.max(depths.get(child)!, depths.get(node)! + 1));
    }
  }
  const columns: string[][] = [];
  for (const node of nodes) (columns[depths.get(node)!] ??= []).push(node);
  return columns.filter((column) => column !== undefined);
}
