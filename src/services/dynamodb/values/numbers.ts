/**
 * DynamoDB's numbers: decimals of up to 38 significant digits, magnitude 1E-130 to 9.99…E+125, held as text in their plain form
 * (no exponent, no superfluous zeros). Exact arithmetic, order, byte encoding that sorts like the numbers, and size.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number
 */
import { assert } from "../../../kernel/errors.ts";
import { validation } from "../errors.ts";

const DIGITS_MAX = 38;
/** Of the scientific notation d.ddd × 10^e. */
const EXPONENT_MAX = 125;
const EXPONENT_MIN = -130;

/** ± 0.DIGITS × 10^exponent. Zero has no digits. */
interface Decimal {
  readonly negative: boolean;
  /** Without zeros at either end. */
  readonly digits: string;
  readonly exponent: number;
}

/** Numbers that are in plain form already, and short: nearly all of them. */
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** The plain form of a number given as text. @throws ValidationException with AWS's text for what is no number, too large, too small or too long */
export function normalizeNumber(text: string): string {
  if (PLAIN_INTEGER.test(text)) return text;
  if (text === "") throw validation("The parameter cannot be converted to a numeric value");
  const decimal = parse(text);
  if (!decimal) throw validation(`The parameter cannot be converted to a numeric value: ${text}`);
  return format(checked(decimal));
}

function parse(text: string): Decimal | undefined {
  const match = NUMBER.exec(text);
  if (!match) return undefined;
  const whole = match[2]!;
  const fraction = match[3] ?? "";
  if (whole === "" && fraction === "") return undefined;
  const all = whole + fraction;
  const first = all.search(/[1-9]/);
  if (first < 0) return { negative: false, digits: "", exponent: 0 };
  const digits = all.slice(first).replace(/0+$/, "");
  // Number() may give Infinity for a monstrous exponent: the range check answers for it.
  return { negative: match[1] === "-", digits, exponent: whole.length - first + Number(match[4] ?? 0) };
}

/** Parses what is known to be in plain form. */
function stored(text: string): Decimal {
  const decimal = parse(text);
  assert(decimal, `a stored number is a number, not ${text}`);
  return decimal;
}

function checked(decimal: Decimal): Decimal {
  const { digits, exponent } = decimal;
  if (digits === "") return decimal;
  if (exponent - 1 > EXPONENT_MAX) {
    throw validation("Number overflow. Attempting to store a number with magnitude larger than supported range");
  }
  if (exponent - 1 < EXPONENT_MIN) {
    throw validation("Number underflow. Attempting to store a number with magnitude smaller than supported range");
  }
  if (digits.length > DIGITS_MAX) {
    throw validation("Attempting to store more than 38 significant digits in a Number");
  }
  return decimal;
}

function format({ negative, digits, exponent }: Decimal): string {
  if (digits === "") return "0";
  const sign = negative ? "-" : "";
  if (exponent <= 0) return `${sign}0.${"0".repeat(-exponent)}${digits}`;
  if (exponent >= digits.length) return sign + digits + "0".repeat(exponent - digits.length);
  return `${sign}${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
}

/** Below zero, zero or above zero as `left` is less than, equal to or greater than `right`. Both in plain form. */
export function compareNumbers(left: string, right: string): number {
  if (left === right) return 0;
  if (left.length <= 15 && right.length <= 15) return Number(left) - Number(right);
  const a = orderedNumber(left);
  const b = orderedNumber(right);
  return Buffer.compare(a, b);
}

/** @throws ValidationException when the sum needs more than 38 digits or is out of range */
export const addNumbers = (left: string, right: string): string => sum(left, right, 1n);

/** @throws ValidationException when the difference needs more than 38 digits or is out of range */
export const subtractNumbers = (left: string, right: string): string => sum(left, right, -1n);

function sum(left: string, right: string, rightSign: 1n | -1n): string {
  const a = stored(left);
  const b = stored(right);
  const powerA = a.exponent - a.digits.length;
  const powerB = b.exponent - b.digits.length;
  const power = Math.min(powerA, powerB);
  const total = scaled(a, powerA - power) + rightSign * scaled(b, powerB - power);
  const magnitude = (total < 0n ? -total : total).toString();
  if (magnitude === "0") return "0";
  return format(
    checked({ negative: total < 0n, digits: magnitude.replace(/0+$/, ""), exponent: magnitude.length + power }),
  );
}

function scaled({ negative, digits }: Decimal, zeros: number): bigint {
  const magnitude = BigInt(digits + "0".repeat(zeros) || "0");
  return negative ? -magnitude : magnitude;
}

/**
 * Bytes that sort as the numbers do: a sign byte, a biased exponent, digits in pairs. For a negative number everything after the sign is
 * turned around, and a last byte above all pairs puts -12.3 before -12.
 */
export function orderedNumber(text: string): Uint8Array {
  const { negative, digits, exponent } = stored(text);
  if (digits === "") return Uint8Array.of(2);
  const pairs = Math.ceil(digits.length / 2);
  const bytes = new Uint8Array(2 + pairs + (negative ? 1 : 0));
  const biased = exponent - 1 - EXPONENT_MIN; // 0 to 255: just a byte
  bytes[0] = negative ? 1 : 3;
  bytes[1] = negative ? 0xff - biased : biased;
  for (let i = 0; i < pairs; i++) {
    const pair = Number(digits[2 * i]) * 10 + Number(digits[2 * i + 1] ?? 0);
    bytes[2 + i] = negative ? 100 - pair : pair + 1;
  }
  if (negative) bytes[2 + pairs] = 0xff;
  return bytes;
}

/**
 * Bytes that DynamoDB counts for a number: one, one for every two digits before and after the point (each rounded up), one for a minus sign.
 * Measured against AWS; the developer guide's "approximately" is less exact.
 */
export function numberSize(text: string): number {
  const { negative, digits, exponent } = stored(text);
  if (digits === "") return 1;
  const whole = Math.min(Math.max(exponent, 0), digits.length);
  return 1 + Math.ceil(whole / 2) + Math.ceil((digits.length - whole) / 2) + (negative ? 1 : 0);
}
