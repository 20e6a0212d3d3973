/** A function's events: queues and streams that it polls, routes of APIs that lead to it. */
import { isObject, sameValue, type Value, type ValueObject } from "../template/values.ts";
import type { ApiRoutes, Apis } from "./apis.ts";
import { invalidEvent } from "./errors.ts";
import type { MadeFunction } from "./function.ts";
import { addBucketEvent, addTopicEvent } from "./notifications.ts";
import {
  addRule,
  addSchedule,
  addScheduleV2,
  OLD_RULE_PROPERTIES,
  RULE_PROPERTIES,
  SCHEDULE_PROPERTIES,
  SCHEDULE_V2_PROPERTIES,
} from "./rule-events.ts";
import { present, ref, refName } from "./shapes.ts";
import type { Work } from "./work.ts";

export const IMPLICIT_REST_API = "ServerlessRestApi";
export const IMPLICIT_HTTP_API = "ServerlessHttpApi";

const MAPPING_PROPERTIES = [
  "BatchSize",
  "Enabled",
  "FilterCriteria",
  "FunctionResponseTypes",
  "KmsKeyArn",
  "LoggingConfig",
  "MaximumBatchingWindowInSeconds",
  "MetricsConfig",
  "ProvisionedPollerConfig",
  "ScalingConfig",
] as const;

const STREAM_PROPERTIES = [
  "BisectBatchOnFunctionError",
  "DestinationConfig",
  "MaximumRecordAgeInSeconds",
  "MaximumRetryAttempts",
  "ParallelizationFactor",
  "StartingPosition",
  "StartingPositionTimestamp",
  "TumblingWindowInSeconds",
] as const;

interface Event {
  readonly id: string;
  readonly properties: ValueObject;
}

/** Adds what a function's events are made of. */
export function addEvents(work: Work, made: MadeFunction, apis: Apis): void {
  const { logicalId, properties } = made.resource;
  const events = properties["Events"];
  if (events === undefined) return;
  if (!isObject(events)) throw invalidEvent(logicalId, "Events", "Events must be a map.");
  for (const [id, declared] of Object.entries(events)) {
    if (!isObject(declared) || typeof declared["Type"] !== "string") {
      throw invalidEvent(logicalId, id, "Event is missing 'Type'.");
    }
    const given = declared["Properties"] ?? {};
    if (!isObject(given)) throw invalidEvent(logicalId, id, "Properties must be a map.");
    const event: Event = { id, properties: given };
    switch (declared["Type"]) {
      case "SQS":
        addQueue(work, made, event);
        break;
      case "DynamoDB":
        addStream(work, made, event);
        break;
      case "S3":
        only(made, event, "S3", ["Bucket", "Events", "Filter"]);
        addBucketEvent(work, made, event);
        break;
      case "SNS":
        only(made, event, "SNS", [
          "FilterPolicy",
          "FilterPolicyScope",
          "RedrivePolicy",
          "Region",
          "SqsSubscription",
          "Topic",
        ]);
        addTopicEvent(work, made, event);
        break;
      case "EventBridgeRule":
        only(made, event, "EventBridgeRule", RULE_PROPERTIES);
        addRule(work, made, event);
        break;
      case "CloudWatchEvent":
        only(made, event, "CloudWatchEvent", OLD_RULE_PROPERTIES);
        addRule(work, made, event);
        break;
      case "Schedule":
        only(made, event, "Schedule", SCHEDULE_PROPERTIES);
        addSchedule(work, made, event);
        break;
      case "ScheduleV2":
        only(made, event, "ScheduleV2", SCHEDULE_V2_PROPERTIES);
        addScheduleV2(work, made, event);
        break;
      case "Api":
        addRestRoute(work, made, event, apis);
        break;
      case "HttpApi":
        addHttpRoute(work, made, event, apis);
        break;
      default:
        throw invalidEvent(logicalId, id, `Virga does not support events of type ${declared["Type"]}.`);
    }
  }
}

function only(made: MadeFunction, event: Event, type: string, allowed: readonly string[]): void {
  const unknown = Object.keys(event.properties).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw invalidEvent(
      made.resource.logicalId,
      event.id,
      `Virga does not support the property ${unknown} of an event of type ${type}.`,
    );
  }
}

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-sqs.html */
function addQueue(work: Work, made: MadeFunction, event: Event): void {
  only(made, event, "SQS", ["Queue", ...MAPPING_PROPERTIES]);
  const { Queue, ...rest } = event.properties;
  if (Queue === undefined) throw invalidEvent(made.resource.logicalId, event.id, "Missing required property 'Queue'.");
  const mapping = present({ EventSourceArn: Queue, FunctionName: made.target, ...rest });
  work.add(made.resource, made.resource.logicalId + event.id, "AWS::Lambda::EventSourceMapping", mapping);
  made.managed.push("AWSLambdaSQSQueueExecutionRole");
}

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-dynamodb.html */
function addStream(work: Work, made: MadeFunction, event: Event): void {
  only(made, event, "DynamoDB", ["Stream", ...MAPPING_PROPERTIES, ...STREAM_PROPERTIES]);
  const { Stream, DestinationConfig, ...rest } = event.properties;
  const { logicalId } = made.resource;
  for (const name of ["Stream", "StartingPosition"]) {
    if (event.properties[name] === undefined) {
      throw invalidEvent(logicalId, event.id, `Missing required property '${name}'.`);
    }
  }
  const id = logicalId + event.id;
  const mapping = present({
    EventSourceArn: Stream,
    FunctionName: made.target,
    ...rest,
    DestinationConfig: failureDestination(made, event, id, DestinationConfig),
  });
  work.add(made.resource, id, "AWS::Lambda::EventSourceMapping", mapping);
  made.managed.push("AWSLambdaDynamoDBExecutionRole");
}

const FAILURE_ACTIONS: Readonly<Record<string, string>> = { SNS: "sns:publish", SQS: "sqs:SendMessage" };

/** `Type` is the transform's own: it grants the function's role what the destination needs. */
function failureDestination(made: MadeFunction, event: Event, id: string, given: Value | undefined) {
  if (given === undefined) return undefined;
  const { logicalId } = made.resource;
  const failure = isObject(given) ? given["OnFailure"] : undefined;
  if (!isObject(failure)) {
    throw invalidEvent(logicalId, event.id, "'OnFailure' is a required field for 'DestinationConfig'");
  }
  const { Type: type, Destination } = failure;
  if (type === undefined) return { OnFailure: { Destination } };
  const action = FAILURE_ACTIONS[String(type)];
  if (action === undefined) {
    throw invalidEvent(logicalId, event.id, `Virga does not support a destination of type ${String(type)}.`);
  }
  made.inline.push({
    PolicyName: `${id}${String(type)}Policy`,
    PolicyDocument: { Statement: [{ Action: action, Effect: "Allow", Resource: Destination! }] },
  });
  return { OnFailure: { Destination } };
}

/** Which API an event means: a reference, an id, or the implicit one. */
function apiOf(
  value: Value | undefined,
  implicit: string,
): { readonly logicalId: string | undefined; readonly id: Value } {
  if (value === undefined) return { logicalId: implicit, id: ref(implicit) as ValueObject };
  const logicalId = refName(value) ?? (typeof value === "string" ? value : undefined);
  return { logicalId, id: value };
}

/** What grants an API's route the right to invoke. */
function permission(made: MadeFunction, partition: string, apiId: Value, path: string) {
  return {
    Action: "lambda:InvokeFunction",
    FunctionName: made.target,
    Principal: "apigateway.amazonaws.com",
    SourceArn: {
      "Fn::Sub": [
        `arn:${partition}:execute-api:\${AWS::Region}:\${AWS::AccountId}:\${__ApiId__}/\${__Stage__}/${path}`,
        { __ApiId__: apiId, __Stage__: "*" },
      ],
    },
  };
}

/** `/items/{id}` → `items/*`. */
const pathPattern = (path: string): string =>
  path
    .replace(/^\//, "")
    .replace(/\/$/, "")
    .replace(/\{[^}]*\}/g, "*");

const METHODS: ReadonlySet<string> = new Set(["any", "delete", "get", "head", "options", "patch", "post", "put"]);

function methodOf(made: MadeFunction, event: Event, value: Value): string {
  const method = typeof value === "string" ? value.toLowerCase() : "";
  if (!METHODS.has(method === "x-amazon-apigateway-any-method" ? "any" : method)) {
    throw invalidEvent(made.resource.logicalId, event.id, `'Method' is not valid: ${String(value)}.`);
  }
  return method === "x-amazon-apigateway-any-method" ? "any" : method;
}

const ANY = "x-amazon-apigateway-any-method";

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-api.html */
function addRestRoute(work: Work, made: MadeFunction, event: Event, apis: Apis): void {
  only(made, event, "Api", ["Path", "Method", "RestApiId", "TimeoutInMillis"]);
  const { logicalId } = made.resource;
  const { Path, Method, RestApiId, TimeoutInMillis } = event.properties;
  if (typeof Path !== "string" || Method === undefined) {
    const missing = typeof Path !== "string" ? "Path" : "Method";
    throw invalidEvent(logicalId, event.id, `Property '${missing}' is required.`);
  }
  const method = methodOf(made, event, Method);
  const api = apiOf(RestApiId, IMPLICIT_REST_API);
  const known = api.logicalId === undefined ? undefined : apis.rest(api.logicalId);
  const verb = method === "any" ? "*" : method.toUpperCase();
  const suffix = known ? (known.stageSuffix ?? "Stage") : "AllStages";
  work.add(
    made.resource,
    `${logicalId}${event.id}Permission${suffix}`,
    "AWS::Lambda::Permission",
    permission(made, "aws", known ? (ref(api.logicalId!) as ValueObject) : api.id, `${verb}/${pathPattern(Path)}`),
  );
  addRoute(known, made, event, Path, method, {
    "x-amazon-apigateway-integration": present({
      httpMethod: "POST",
      type: "aws_proxy",
      uri: conditional(made, {
        "Fn::Sub": `arn:aws:apigateway:\${AWS::Region}:lambda:path/2015-03-31/functions/${made.targetArn}/invocations`,
      }),
      timeoutInMillis: TimeoutInMillis,
    }),
    responses: {},
  });
}

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-httpapi.html */
function addHttpRoute(work: Work, made: MadeFunction, event: Event, apis: Apis): void {
  only(made, event, "HttpApi", ["Path", "Method", "ApiId", "PayloadFormatVersion", "TimeoutInMillis", "RouteSettings"]);
  const { logicalId } = made.resource;
  const { Path, Method, ApiId, PayloadFormatVersion, TimeoutInMillis, RouteSettings } = event.properties;
  if ((Path === undefined) !== (Method === undefined)) {
    throw invalidEvent(logicalId, event.id, `Property '${Path === undefined ? "Path" : "Method"}' is required.`);
  }
  const path = Path ?? "$default";
  if (typeof path !== "string") throw invalidEvent(logicalId, event.id, "'Path' must be a string.");
  const method = methodOf(made, event, Method ?? "any");
  const api = apiOf(ApiId, IMPLICIT_HTTP_API);
  const known = api.logicalId === undefined ? undefined : apis.http(api.logicalId);
  const verb = method === "any" ? "*" : method.toUpperCase();
  const pattern = path === "$default" ? "*" : `${verb}/${pathPattern(path)}`;
  if (path === "$default" || !hasDefaultRoute(made, ApiId)) {
    work.add(
      made.resource,
      `${logicalId}${event.id}Permission`,
      "AWS::Lambda::Permission",
      permission(made, "${AWS::Partition}", known ? (ref(api.logicalId!) as ValueObject) : api.id, pattern),
    );
  }
  const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({ required: true, name, in: "path" }));
  addRoute(known, made, event, path, method, {
    "x-amazon-apigateway-integration": present({
      httpMethod: "POST",
      type: "aws_proxy",
      uri: conditional(made, {
        "Fn::Sub": `arn:\${AWS::Partition}:apigateway:\${AWS::Region}:lambda:path/2015-03-31/functions/${made.targetArn}/invocations`,
      }),
      payloadFormatVersion: PayloadFormatVersion ?? "2.0",
      timeoutInMillis: TimeoutInMillis,
    }),
    ...(path === "$default" ? { isDefaultRoute: true } : {}),
    responses: {},
    ...(parameters.length > 0 ? { parameters } : {}),
  });
  if (RouteSettings !== undefined) {
    const key = path === "$default" ? path : `${method === "any" ? "ANY" : method.toUpperCase()} ${path}`;
    if (!known) throw invalidEvent(logicalId, event.id, "RouteSettings need an API of this template.");
    known.routeSettings[key] = conditional(made, RouteSettings);
  }
}

/** Whether the function also answers everything else of this API: the permission for that holds for every route. */
function hasDefaultRoute(made: MadeFunction, apiId: Value | undefined): boolean {
  const events = made.resource.properties["Events"] as ValueObject;
  return Object.values(events).some((other) => {
    if (!isObject(other) || other["Type"] !== "HttpApi") return false;
    const properties = (other["Properties"] ?? {}) as ValueObject;
    return (properties["Path"] ?? "$default") === "$default" && sameValue(properties["ApiId"], apiId);
  });
}

/** What belongs to a function with a condition is there when the function is. */
export function conditional<T>(made: MadeFunction, value: T): T | { "Fn::If": unknown[] } {
  const condition = made.resource.attributes["Condition"];
  return condition === undefined ? value : { "Fn::If": [condition, value, { Ref: "AWS::NoValue" }] };
}

function addRoute(
  api: ApiRoutes | undefined,
  made: MadeFunction,
  event: Event,
  path: string,
  method: string,
  operation: object,
): void {
  if (!api) return;
  api.users.push(made.resource);
  // An API with a definition of its own routes as that says; the event only grants the right to invoke.
  if (!api.managed) return;
  const name = method === "any" ? ANY : method;
  const item = (api.paths[path] ??= { conditions: new Set<string>(), operations: {}, unconditional: false });
  if (Object.hasOwn(item.operations, name)) {
    throw invalidEvent(
      made.resource.logicalId,
      event.id,
      `API method "${method}" defined multiple times for path "${path}".`,
    );
  }
  item.operations[name] = conditional(made, operation);
  const condition = made.resource.attributes["Condition"];
  if (condition === undefined) item.unconditional = true;
  else item.conditions.add(condition as string);
}
