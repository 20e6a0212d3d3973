/**
 * Checks that AWS's API models state, collected and reported together, as services write them whose code is made from those models:
 * `2 validation errors detected: Value 'x' at 'name' failed to satisfy constraint: …; …`.
 */
import { AwsError } from "../../kernel/errors.ts";

export class Constraints {
  readonly #found: string[] = [];

  /** A violation in words of its own. */
  add(member: string, value: unknown, constraint: string): this {
    this.#found.push(`Value '${shown(value)}' at '${member}' failed to satisfy constraint: ${constraint}`);
    return this;
  }

  required(member: string, value: unknown): this {
    if (value === undefined || value === null) {
      this.#found.push(`Value null at '${member}' failed to satisfy constraint: Member must not be null`);
    }
    return this;
  }

  range(member: string, value: number | undefined, least: number, most: number): this {
    if (value === undefined) return this;
    if (value < least) return this.add(member, value, `Member must have value greater than or equal to ${least}`);
    if (value > most) return this.add(member, value, `Member must have value less than or equal to ${most}`);
    return this;
  }

  /** Of a text in characters, of a list in members. */
  length(member: string, value: { readonly length: number } | undefined, least: number, most: number): this {
    if (value === undefined) return this;
    if (value.length > most) return this.add(member, value, `Member must have length less than or equal to ${most}`);
    if (value.length < least)
      return this.add(member, value, `Member must have length greater than or equal to ${least}`);
    return this;
  }

  /** @param pattern matches the whole text; shown is how the model writes it */
  pattern(member: string, value: string | undefined, pattern: RegExp, shown = pattern.source.slice(1, -1)): this {
    if (value === undefined || pattern.test(value)) return this;
    return this.add(member, value, `Member must satisfy regular expression pattern: ${shown}`);
  }

  oneOf(member: string, value: string | undefined, values: readonly string[]): this {
    if (value === undefined || values.includes(value)) return this;
    return this.add(member, value, `Member must satisfy enum value set: [${values.join(", ")}]`);
  }

  /** @throws ValidationException naming everything found, if anything was */
  check(): void {
    const count = this.#found.length;
    if (count === 0) return;
    throw new AwsError(
      "ValidationException",
      `${count} validation error${count === 1 ? "" : "s"} detected: ${this.#found.join("; ")}`,
    );
  }
}

const shown = (value: unknown): string => (Array.isArray(value) ? `[${value.map(shown).join(", ")}]` : String(value));
