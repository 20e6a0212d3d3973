/**
 * The transform AWS::Serverless-2016-10-31: a template with serverless resources → one without. Pure. The logical ids are those that AWS's own
 * transform gives, because templates refer to them. Only the hash at the end of a REST deployment's id is another.
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
 */
import { isObject, type Value, type ValueObject } from "../template/values.ts";
import { type ApiRoutes, type Apis, joined, routesOf } from "./apis.ts";
import { invalidResource, unsupported } from "./errors.ts";
import { addEvents, IMPLICIT_HTTP_API, IMPLICIT_REST_API } from "./events.ts";
import { FUNCTION_PROPERTIES, finish, makeFunction } from "./function.ts";
import { type Globals, inherit, readGlobals } from "./globals.ts";
import { HTTP_API_PROPERTIES, makeHttpApi } from "./http-api.ts";
import { makeRestApi, REST_API_PROPERTIES, restStageSuffix } from "./rest-api.ts";
import type { Draft } from "./shapes.ts";
import { LAYER_PROPERTIES, makeLayer, makeSimpleTable, SIMPLE_TABLE_PROPERTIES } from "./simple.ts";
import { checkProperties, type SamResource, Work } from "./work.ts";

const PREFIX = "AWS::Serverless::";
const ATTRIBUTES = ["Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"];

const PROPERTIES: Readonly<
  Record<string, { readonly known: readonly string[]; readonly unsupported: readonly string[] }>
> = {
  Api: REST_API_PROPERTIES,
  Function: FUNCTION_PROPERTIES,
  HttpApi: HTTP_API_PROPERTIES,
  LayerVersion: LAYER_PROPERTIES,
  SimpleTable: SIMPLE_TABLE_PROPERTIES,
};

/** Whether the transform takes resources of this type. */
export function isServerless(type: string): boolean {
  return type.startsWith(PREFIX) && Object.hasOwn(PROPERTIES, type.slice(PREFIX.length));
}

/**
 * @param parameter a parameter's or pseudo parameter's value, where it is known
 * @throws ValidationError in the transform's words
 */
export function transformServerless(root: ValueObject, parameter: (name: string) => Value | undefined): ValueObject {
  const { Transform: _, Globals: section, Resources, Conditions, ...rest } = root;
  const globals = readGlobals(section);
  const work = new Work(isObject(Conditions) ? Conditions : {}, parameter);
  const serverless: SamResource[] = [];
  const others: [string, Value][] = [];
  for (const [logicalId, value] of Object.entries(isObject(Resources) ? Resources : {})) {
    const resource = readResource(logicalId, value, globals);
    if (resource) serverless.push(resource);
    else others.push([logicalId, value]);
  }
  for (const [logicalId, value] of others) work.resources[logicalId] = value;
  const of = (kind: string) => serverless.filter((resource) => resource.kind === kind);

  for (const layer of of("LayerVersion")) makeLayer(work, layer);
  for (const table of of("SimpleTable")) makeSimpleTable(work, table);
  const apis = gather(of("Api"), of("HttpApi"), globals, work);
  const functions = of("Function").map((resource) => makeFunction(work, resource));
  for (const made of functions) {
    addEvents(work, made, apis);
    finish(work, made);
  }
  for (const routes of apis.allRest()) makeRestApi(work, routes);
  for (const routes of apis.allHttp()) makeHttpApi(work, routes);

  const conditions = work.conditions as ValueObject;
  const transforms = remaining(root["Transform"]);
  return {
    ...(transforms === undefined ? {} : { Transform: transforms }),
    ...rest,
    ...(Object.keys(conditions).length > 0 ? { Conditions: conditions } : {}),
    Resources: Object.fromEntries(
      Object.entries(work.resources as ValueObject).map(([logicalId, resource]) => [
        logicalId,
        renamed(work, resource),
      ]),
    ),
    ...(isObject(rest["Outputs"]) ? { Outputs: work.resolveNames(rest["Outputs"]) } : {}),
  };
}

/** The other transforms of a template, which are applied elsewhere. */
function remaining(declared: Value | undefined): Value | undefined {
  const others = (Array.isArray(declared) ? declared : [declared]).filter(
    (name) => name !== undefined && name !== "AWS::Serverless-2016-10-31",
  ) as Value[];
  return others.length > 0 ? others : undefined;
}

function readResource(logicalId: string, value: Value, globals: Globals): SamResource | undefined {
  if (!isObject(value)) return undefined;
  const type = value["Type"];
  if (typeof type !== "string" || !type.startsWith(PREFIX)) return undefined;
  const kind = type.slice(PREFIX.length);
  if (!Object.hasOwn(PROPERTIES, kind)) throw unsupported(logicalId, `the resource type ${type}`);
  const given = value["Properties"] ?? {};
  if (!isObject(given)) throw invalidResource(logicalId, "'Properties' must be a map.");
  const known = [...ATTRIBUTES, "Type", "Properties", "IgnoreGlobals"];
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw unsupported(logicalId, `the resource attribute ${unknown} on serverless resources`);
  const resource: SamResource = {
    logicalId,
    kind,
    properties: inherit(globals, kind, logicalId, given, value["IgnoreGlobals"]),
    attributes: Object.fromEntries(Object.entries(value).filter(([name]) => ATTRIBUTES.includes(name))),
  };
  checkProperties(resource, PROPERTIES[kind]!);
  return resource;
}

interface GatheredApis extends Apis {
  /** Those of the template, and the implicit one if it was asked for. */
  allRest(): ApiRoutes[];
  allHttp(): ApiRoutes[];
}

function gather(
  rest: readonly SamResource[],
  http: readonly SamResource[],
  globals: Globals,
  work: Work,
): GatheredApis {
  const restApis = new Map(rest.map((api) => [api.logicalId, routesOf(api, restStageSuffix(api.properties))]));
  const httpApis = new Map(http.map((api) => [api.logicalId, routesOf(api, undefined)]));
  const implicit = (apis: Map<string, ApiRoutes>, logicalId: string, kind: string, properties: ValueObject) => {
    if (!apis.has(logicalId)) {
      const resource: SamResource = {
        logicalId,
        kind,
        properties: inherit(globals, kind, logicalId, properties, undefined),
        attributes: {},
      };
      checkProperties(resource, PROPERTIES[kind]!);
      apis.set(logicalId, routesOf(resource, kind === "Api" ? restStageSuffix(properties) : undefined));
    }
    return apis.get(logicalId)!;
  };
  const settled = (apis: Map<string, ApiRoutes>, implicitId: string) =>
    [...apis.values()].map((routes) =>
      routes.resource.logicalId === implicitId ? withUsersCondition(routes, work.conditions) : routes,
    );
  return {
    rest: (logicalId) =>
      logicalId === IMPLICIT_REST_API
        ? implicit(restApis, logicalId, "Api", { StageName: "Prod" })
        : restApis.get(logicalId),
    http: (logicalId) =>
      logicalId === IMPLICIT_HTTP_API ? implicit(httpApis, logicalId, "HttpApi", {}) : httpApis.get(logicalId),
    allRest: () => settled(restApis, IMPLICIT_REST_API),
    allHttp: () => settled(httpApis, IMPLICIT_HTTP_API),
  };
}

/** An implicit API is there when one of the functions with routes in it is. */
function withUsersCondition(routes: ApiRoutes, conditions: Draft): ApiRoutes {
  const { resource } = routes;
  const found = routes.users.map((user) => user.attributes["Condition"]);
  if (found.length === 0 || found.includes(undefined) || resource.attributes["Condition"] !== undefined) return routes;
  const Condition = joined([...new Set(found as string[])], `${resource.logicalId}Condition`, conditions);
  return { ...routes, resource: { ...resource, attributes: { ...resource.attributes, Condition } } };
}

function renamed(work: Work, resource: Value): Value {
  if (!isObject(resource)) return resource;
  return Object.fromEntries(
    Object.entries(resource).map(([name, value]) => [
      name,
      name === "DependsOn" ? work.resolveDependsOn(value) : work.resolveNames(value),
    ]),
  );
}
