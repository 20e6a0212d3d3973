/** A binary heap: whatever comes first is at hand, adding and taking cost the logarithm of the size. */

export interface Heap<T> {
  readonly size: number;
  push(item: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
  /** Keeps what `wanted` says. */
  filter(wanted: (item: T) => boolean): void;
}

/** @param before whether the first goes before the second; equal ones come in any order */
export function createHeap<T>(before: (left: T, right: T) => boolean): Heap<T> {
  let items: T[] = [];

  const rise = (from: number): void => {
    const item = items[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  };

  const sink = (from: number): void => {
    const item = items[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  };

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const first = items[0];
      const last = items.pop();
      if (items.length > 0) {
        items[0] = last!;
        sink(0);
      }
      return first;
    },
    filter(wanted) {
      items = items.filter(wanted);
      for (let at = (items.length >> 1) - 1; at >= 0; at--) sink(at);
    },
  };
}
