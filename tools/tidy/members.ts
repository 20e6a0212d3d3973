/**
 * Nothing accepted is ignored: every input member of every operation that a service has must be mentioned in that service's source, or stand in
 * its list of what is unsupported and so be refused by name. Nested members count too.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "../../src/services/service.ts";
import type { Reference, ServiceShapes } from "../../src/wire/shapes.ts";
import { listServices, operationsOf } from "../services.ts";
import type { Problem } from "./rules.ts";
import { withoutComments } from "./source.ts";

export function honoured(root: string): Problem[] {
  const shapesFolder = join(root, "generated", "shapes");
  if (!existsSync(join(shapesFolder, "index.json"))) {
    return [{ file: "generated/shapes", line: 1, message: "is missing: npm run generate" }];
  }
  return listServices().flatMap((service) => {
    const folder = `src/services/${service.name}`;
    const shapes = JSON.parse(readFileSync(join(shapesFolder, `${service.name}.json`), "utf8")) as ServiceShapes;
    return ignoredMembers(service, shapes, wordsOf(join(root, folder))).map((message) => ({
      file: `${folder}/service.ts`,
      line: 1,
      message,
    }));
  });
}

/** @param words every identifier and word of the service's source */
export function ignoredMembers(
  service: Pick<Service, "operations" | "flows" | "unsupported">,
  shapes: Pick<ServiceShapes, "operations" | "shapes">,
  words: ReadonlySet<string>,
): string[] {
  const messages: string[] = [];
  const told = new Set<string>();
  for (const operation of operationsOf(service as Service)) {
    const shape = shapes.operations[operation];
    if (!shape) {
      messages.push(`${operation} is no operation of this service`);
      continue;
    }
    const unsupported = new Set<string>(service.unsupported?.[operation as never] ?? []);
    for (const { path, name, owner } of members(shapes, shape.input)) {
      if (words.has(name) || covered(path, unsupported)) continue;
      // A structure that several operations take is told once.
      const key = `${owner}.${name}`;
      if (told.has(key)) continue;
      told.add(key);
      messages.push(`${operation} takes ${path} and nothing here mentions it: honour it or list it in unsupported`);
    }
  }
  for (const operation of Object.keys(service.unsupported ?? {})) {
    if (!operationsOf(service as Service).includes(operation))
      messages.push(`unsupported names ${operation}, which is absent`);
  }
  return messages;
}

/** Listed itself, or part of something listed. */
function covered(path: string, unsupported: ReadonlySet<string>): boolean {
  for (let at = path.length; at > 0; at = path.lastIndexOf(".", at - 1)) {
    const part = path.slice(0, at);
    if (unsupported.has(part) || unsupported.has(part.replace(/\[\]$/, ""))) return true;
  }
  return false;
}

/** All members below an input, with paths as `unsupported` writes them; a structure inside itself is entered once. */
function* members(
  shapes: Pick<ServiceShapes, "shapes">,
  reference: Reference,
  path = "",
  seen: readonly Reference[] = [],
): Generator<{ readonly path: string; readonly name: string; readonly owner: Reference }> {
  if (typeof reference !== "number" || seen.includes(reference)) return;
  const shape = shapes.shapes[reference]!;
  const inner = [...seen, reference];
  if (shape.kind === "list") yield* members(shapes, shape.member[0], `${path}[]`, inner);
  else if (shape.kind === "map") yield* members(shapes, shape.value[0], `${path}.*`, inner);
  else {
    for (const [name, [target]] of Object.entries(shape.members)) {
      const member = path === "" ? name : `${path}.${name}`;
      yield { path: member, name, owner: reference };
      yield* members(shapes, target, member, inner);
    }
  }
}

function wordsOf(folder: string): ReadonlySet<string> {
  const words = new Set<string>();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.endsWith(".test.ts")) continue;
    const source = withoutComments(readFileSync(join(folder, file), "utf8"));
    for (const [word] of source.matchAll(/[A-Za-z][A-Za-z0-9_]*/g)) words.add(word);
  }
  return words;
}
