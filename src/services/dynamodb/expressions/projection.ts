/**
 * ProjectionExpression: a list of paths.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
 */
import { bindPath, checkOverlaps, type Path, parsePath } from "./paths.ts";
import { createProblems, type Placeholders, refuseProblems } from "./placeholders.ts";
import { accept, peek, syntaxError, tokenize } from "./tokens.ts";

/** @throws ValidationException for syntax, reserved words, undefined names and overlapping paths, in this order */
export function parseProjection(source: string, placeholders: Placeholders): readonly Path[] {
  const cursor = tokenize("ProjectionExpression", source);
  const written = [parsePath(cursor, () => false)];
  while (accept(cursor, ",")) written.push(parsePath(cursor, () => false));
  if (peek(cursor).kind !== "end") throw syntaxError(cursor);
  const problems = createProblems();
  const paths = written.map((path) => bindPath(path, placeholders, problems));
  checkOverlaps(paths, problems);
  refuseProblems("ProjectionExpression", problems, ["reserved", "undefinedName", "overlap", "conflict"]);
  return paths;
}
