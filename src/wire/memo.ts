/** One codec per shape, compiled at first use; recursive shapes refer to themselves through a forwarding function. */
import type { Shape } from "./shapes.ts";

export function perShape<F extends (...args: any[]) => any>(build: (shape: Shape) => F): (shape: Shape) => F {
  const built = new Map<Shape, F>();
  const building = new Set<Shape>();
  const of = (shape: Shape): F => {
    const known = built.get(shape);
    if (known) return known;
    if (building.has(shape)) return ((...args: any[]) => built.get(shape)!(...args)) as F;
    building.add(shape);
    const codec = build(shape);
    building.delete(shape);
    built.set(shape, codec);
    return codec;
  };
  return of;
}
