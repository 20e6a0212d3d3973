/** The routes that events give to APIs, gathered before the APIs are made. */
import type { Draft } from "./shapes.ts";
import type { SamResource } from "./work.ts";

export interface PathRoutes {
  /** Conditions of the functions that have routes here. */
  readonly conditions: Set<string>;
  /** Some function of this path has no condition. */
  unconditional: boolean;
  /** By method, as the definition names it. */
  readonly operations: Draft;
}

export interface ApiRoutes {
  readonly resource: SamResource;
  /** SAM writes the definition. */
  readonly managed: boolean;
  /** The end of a permission's name; undefined when the stage's name is not known now. */
  readonly stageSuffix: string | undefined;
  readonly paths: Record<string, PathRoutes>;
  readonly routeSettings: Draft;
  /** Functions with routes here. */
  readonly users: SamResource[];
}

export interface Apis {
  rest(logicalId: string): ApiRoutes | undefined;
  http(logicalId: string): ApiRoutes | undefined;
}

export function routesOf(resource: SamResource, stageSuffix: string | undefined): ApiRoutes {
  const { DefinitionBody, DefinitionUri } = resource.properties;
  return {
    resource,
    managed: DefinitionBody === undefined && DefinitionUri === undefined,
    stageSuffix,
    paths: {},
    routeSettings: {},
    users: [],
  };
}

/** The `paths` of a definition. A path that only conditional functions have is there when one of them is. */
export function pathsOf(routes: ApiRoutes): Draft {
  return Object.fromEntries(Object.entries(routes.paths).map(([path, item]) => [path, item.operations]));
}

/**
 * Makes the paths that only functions with conditions have depend on these, once everything else has been added to them.
 * @param conditions gets the conditions that join several
 */
export function withConditions(routes: ApiRoutes, paths: Draft, conditions: Draft): Draft {
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]) => {
      const item = routes.paths[path];
      if (!item || item.unconditional) return [path, operations];
      const name = joined(
        [...item.conditions],
        `${routes.resource.logicalId}${spelled(path)}PathCondition`,
        conditions,
      );
      return [path, { "Fn::If": [name, operations, { Ref: "AWS::NoValue" }] }];
    }),
  );
}

/** A path in letters and digits. */
function spelled(path: string): string {
  return path
    .replaceAll("/", "SLASH")
    .replaceAll("{", "OB")
    .replaceAll("}", "CB")
    .replace(/[^A-Za-z0-9]/g, "");
}

/** One condition that holds when any of several does: itself when it is alone, else a new one under the given name. */
export function joined(names: readonly string[], name: string, conditions: Draft): string {
  if (names.length === 1) return names[0]!;
  let any: Draft[] = names.map((condition) => ({ Condition: condition }));
  // `Fn::Or` takes ten conditions at most.
  while (any.length > 10) any = [{ "Fn::Or": any.slice(0, 10) }, ...any.slice(10)];
  conditions[name] = { "Fn::Or": any };
  return name;
}
