/**
 * Style as a test: layers, ambient time and chance, unfinished work, portability, and that every input member of every operation is either
 * used or refused. Prints each problem as `file:line: message`; exits with 1 if there is one.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { honoured } from "./members.ts";
import { ambient, finished, introduced, layers, type Problem, portable } from "./rules.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Files that git knows or would know. */
function tracked(): string[] {
  return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
    .split("\n")
    .filter((file) => file !== "");
}

const TEXT = /\.(?:tsx?|mts|js|mjs|cjs|json|md|yaml|yml|html|css|sh|py|svg)$|(^|\/)(?:run|\.npmrc|\.gitignore)$/;

const problems: Problem[] = [];
for (const file of tracked()) {
  if (!TEXT.test(file)) continue;
  let source: string;
  try {
    source = readFileSync(root + file, "utf8");
  } catch (error) {
    // Deleted, but not yet committed.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
    throw error;
  }
  problems.push(...portable(file, source));
  if (!/\.(?:tsx?|mts|js|mjs|cjs)$/.test(file)) continue;
  problems.push(...finished(file, source));
  if (/\.tsx?$/.test(file))
    problems.push(...layers(file, source), ...ambient(file, source), ...introduced(file, source));
}
problems.push(...honoured(root));
for (const { file, line, message } of problems) console.error(`${file}:${line}: ${message}`);
if (problems.length > 0) {
  console.error(`\n${problems.length} ${problems.length === 1 ? "thing is" : "things are"} untidy.`);
  process.exitCode = 1;
}
