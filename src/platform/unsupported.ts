/** Input members that a service refuses by name: `Attributes.KmsMasterKeyId`, `Entries[].MessageSystemAttributes`. */

export interface UnsupportedMember {
  readonly name: string;
  /** Whether the caller gave the member a value. */
  isSet(input: unknown): boolean;
}

/** `A.B` goes into structures and maps, `A[]` into every element of a list. */
export function memberPath(name: string): UnsupportedMember {
  const steps = name.split(".").flatMap((step) => (step.endsWith("[]") ? [step.slice(0, -2), "[]"] : [step]));
  return { name, isSet: (input) => isSet(input, steps, 0) };
}

function isSet(value: unknown, steps: readonly string[], at: number): boolean {
  if (value === undefined || value === null) return false;
  if (at === steps.length) return true;
  const step = steps[at]!;
  if (step === "[]") return Array.isArray(value) && value.some((element) => isSet(element, steps, at + 1));
  if (typeof value !== "object" || !Object.hasOwn(value, step)) return false;
  return isSet((value as Record<string, unknown>)[step], steps, at + 1);
}
