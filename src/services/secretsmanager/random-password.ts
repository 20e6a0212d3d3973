/** GetRandomPassword. @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html */
import type { Random } from "../../kernel/random.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { invalidParameter } from "./errors.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = LOWER.toUpperCase();
const DIGITS = "0123456789";
const PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
const LENGTH_MAX = 4096;
const LENGTH_DEFAULT = 32;

type Input = InputOf<"secretsmanager", "GetRandomPassword">;

export function getRandomPassword(
  _tx: Transaction,
  input: Input,
  context: OperationContext,
): OutputOf<"secretsmanager", "GetRandomPassword"> {
  return { RandomPassword: randomPassword(input, context.random) };
}

/** @throws InvalidParameterException */
export function randomPassword(input: Input, random: Random): string {
  const length = input.PasswordLength ?? LENGTH_DEFAULT;
  if (length < 1 || length > LENGTH_MAX) {
    throw invalidParameter(
      `InvalidParameterException: Invalid PasswordLength. It must be between 1 and ${LENGTH_MAX}.`,
    );
  }
  const excluded = new Set(input.ExcludeCharacters ?? "");
  const kinds = [
    input.ExcludeLowercase ? "" : LOWER,
    input.ExcludeUppercase ? "" : UPPER,
    input.ExcludeNumbers ? "" : DIGITS,
    input.ExcludePunctuation ? "" : PUNCTUATION,
    input.IncludeSpace ? " " : "",
  ]
    .map((kind) => [...kind].filter((character) => !excluded.has(character)))
    .filter((kind) => kind.length > 0);
  if (kinds.length === 0) {
    throw invalidParameter("No characters are left to make a password of: too many are excluded.");
  }
  const each = input.RequireEachIncludedType ?? true;
  if (each && length < kinds.length) {
    throw invalidParameter(`The password is too short to hold one character of each of ${kinds.length} types.`);
  }
  const pick = (from: readonly string[]) => from[random.integer(from.length)]!;
  const all = kinds.flat();
  const password = each ? kinds.map(pick) : [];
  while (password.length < length) password.push(pick(all));
  // The characters that had to be there stand anywhere.
  for (let i = password.length - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    [password[i], password[other]] = [password[other]!, password[i]!];
  }
  return password.join("");
}
