/** The Range header, as S3 reads it: one range of bytes; anything else is as if it were not there. */
import { invalidRange } from "../errors.ts";

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/**
 * @param header `bytes=0-99`, `bytes=100-`, `bytes=-500`
 * @returns undefined when the whole body is meant
 * @throws InvalidRange when no byte of the body lies in it
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return undefined;
  const [first, last] = [match[1]!, match[2]!];
  if (first === "") {
    const length = Number(last);
    if (length === 0 || size === 0) throw invalidRange(header!, size);
    return { start: Math.max(0, size - length), end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) throw invalidRange(header!, size);
  return { start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}
