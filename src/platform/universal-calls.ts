/**
 * Calls of any operation by the names of AWS's SDK for Java and a JSON text, as the Scheduler's universal targets are written:
 * `arn:aws:scheduler:::aws-sdk:sqs:sendMessage` with `{ "QueueUrl": "…", "MessageBody": "…" }`.
 */
import { AwsError } from "../kernel/errors.ts";
import type { OperationName, ServiceName } from "../services/clients.ts";
import type { UniversalCalls } from "../services/scheduler/ports.ts";
import { isStructure, type Shape, type ShapeLibrary } from "../wire/shapes.ts";

/** Services that the SDK for Java calls otherwise. */
const SERVICES: Readonly<Record<string, ServiceName>> = {
  applicationautoscaling: "applicationautoscaling",
  cloudwatchlogs: "logs",
  costexplorer: "ce",
  elasticloadbalancingv2: "elbv2",
  eventbridge: "events",
};

/** @param has whether Virga has an operation */
export function universalCalls(
  shapes: () => ShapeLibrary,
  has: (service: string, operation: string) => boolean,
): UniversalCalls {
  return (sdkService, sdkOperation) => {
    const service = (Object.hasOwn(SERVICES, sdkService) ? SERVICES[sdkService] : sdkService) as ServiceName;
    const operation = sdkOperation.charAt(0).toUpperCase() + sdkOperation.slice(1);
    if (!has(service, operation)) return undefined;
    const shape = shapes().model(service).operations.get(operation)!.input;
    return {
      service,
      operation: operation as OperationName<ServiceName>,
      decode: (value) => decoded(shape, value, "Input"),
    };
  };
}

const refuse = (path: string, wanted: string): never => {
  throw new AwsError("ValidationException", `Invalid RequestJson provided. Reason: ${path} is not ${wanted}.`);
};

/** JSON as the operation takes it. Members may begin with a small letter; blobs are text. */
function decoded(shape: Shape, value: unknown, path: string): unknown {
  if (value === null) return undefined;
  if (isStructure(shape)) {
    if (typeof value !== "object" || Array.isArray(value)) return refuse(path, "an object");
    const members = Object.entries(value as object).map(([name, part]) => {
      const member = shape.members.find((one) => one.name === name || one.name.toLowerCase() === name.toLowerCase());
      if (!member) return refuse(`${path}.${name}`, `a member of ${shape.name}`);
      return [member.name, decoded(member.shape, part, `${path}.${name}`)] as const;
    });
    return Object.fromEntries(members);
  }
  switch (shape.kind) {
    case "list":
      if (!Array.isArray(value)) return refuse(path, "a list");
      return value.map((part, i) => decoded(shape.member.shape, part, `${path}[${i}]`));
    case "map":
      if (typeof value !== "object" || Array.isArray(value)) return refuse(path, "an object");
      return Object.fromEntries(
        Object.entries(value as object).map(([name, part]) => [
          name,
          decoded(shape.value.shape, part, `${path}.${name}`),
        ]),
      );
    case "blob":
      return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
    case "string":
      return typeof value === "string" ? value : refuse(path, "a string");
    case "boolean":
      return typeof value === "boolean" ? value : refuse(path, "a boolean");
    case "number":
      return typeof value === "number" ? value : refuse(path, "a number");
    case "timestamp":
    case "timestamp:date-time":
    case "timestamp:http-date":
    case "timestamp:epoch-seconds": {
      const at = typeof value === "number" ? new Date(value * 1000) : new Date(String(value));
      return Number.isNaN(at.getTime()) ? refuse(path, "a time") : at;
    }
    default:
      return value;
  }
}
