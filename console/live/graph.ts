/**
 * Which resource led to which, told from spans: a span under another one's is a step from that one's resource to its own. Pure, and made span by span:
 * nothing is counted twice, and children that come before their parents are remembered until those are there.
 */
import type { Span } from "./events.ts";

export interface GraphNode {
  readonly key: string;
  /** A CloudFormation type, so that what a stack declares and what happened meet. */
  readonly type: string;
  readonly name: string;
  count: number;
  errors: number;
  coldStarts: number;
  /** Of what it did, in all. */
  busyMs: number;
  lastMs: number;
}

export interface GraphEdge {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  count: number;
  errors: number;
  lastMs: number;
}

export interface Subject {
  readonly type: string;
  readonly name: string;
}

export const OUTSIDE: Subject = { type: "outside", name: "Outside" };
export const keyOf = ({ type, name }: Subject): string => `${type}|${name}`;

const SERVICES_ALONE: Readonly<Record<string, Subject>> = {
  ses: { type: "AWS::SES::EmailIdentity", name: "Mail" },
  sesv2: { type: "AWS::SES::EmailIdentity", name: "Mail" },
};

/** Looking at an application and setting it up is not what it does. */
export const HOUSEKEEPING = new Set(["xray", "iam", "sts", "ce", "cloudformation", "logs", "cloudwatch"]);

/** What a span was done to; undefined where it names nothing that belongs on a map. */
export function subjectOf({ service, resource, attributes, name }: Span): Subject | undefined {
  if (HOUSEKEEPING.has(service)) return undefined;
  const apiId = attributes?.["apiId"];
  if (typeof apiId === "string") return { type: "AWS::ApiGatewayV2::Api", name: apiId };
  const website = resource === undefined ? null : /^(.+)\.s3-website[.-]/.exec(resource);
  if (website) return { type: "AWS::S3::Bucket", name: website[1]! };
  // Websites and forms are no API: who answers is in the address.
  if (service === "s3" && typeof attributes?.["bucket"] === "string")
    return { type: "AWS::S3::Bucket", name: attributes["bucket"] };
  if (service === "ses" || service === "sesv2") return SERVICES_ALONE[service];
  if (!resource?.startsWith("arn:")) return service === "application" ? { type: "application", name } : undefined;
  const [, , of, , , ...rest] = resource.split(":");
  const id = rest.join(":");
  switch (of) {
    case "sqs":
      return { type: "AWS::SQS::Queue", name: id };
    case "sns":
      return { type: "AWS::SNS::Topic", name: id.split(":")[0]! };
    case "s3":
      return { type: "AWS::S3::Bucket", name: id.split("/")[0]! };
    case "lambda":
      return /^function:/.test(id) ? { type: "AWS::Lambda::Function", name: id.split(":")[1]! } : undefined;
    case "dynamodb":
      return { type: "AWS::DynamoDB::Table", name: id.split("/")[1] ?? id };
    case "events":
      return id.startsWith("event-bus/")
        ? { type: "AWS::Events::EventBus", name: id.slice(10) }
        : {
            type: "AWS::Events::Rule",
            name: id
              .replace(/^rule\//, "")
              .split("/")
              .pop()!,
          };
    case "scheduler":
      return { type: "AWS::Scheduler::Schedule", name: id.split("/").pop()! };
    case "ecs":
      return { type: "AWS::ECS::Service", name: id.split("/").pop()! };
    case "elasticloadbalancing":
      return { type: "AWS::ElasticLoadBalancingV2::LoadBalancer", name: id.split("/")[2] ?? id };
    case "ssm":
      return { type: "AWS::SSM::Parameter", name: id.replace(/^parameter/, "") };
    case "secretsmanager":
      return { type: "AWS::SecretsManager::Secret", name: id.replace(/^secret:/, "").replace(/-\w{6}$/, "") };
    default:
      return undefined;
  }
}

/** Spans whose place is remembered for children still to come. */
const PLACES_MAX = 60_000;

export class Graph {
  readonly nodes = new Map<string, GraphNode>();
  readonly edges = new Map<string, GraphEdge>();
  /** Span → its node, or the nearest one above it. */
  readonly #places = new Map<string, string>();
  readonly #waiting = new Map<string, Span[]>();

  /** @returns the steps that were taken, for whoever shows them */
  add(spans: readonly Span[]): GraphEdge[] {
    const steps: GraphEdge[] = [];
    for (const span of spans) this.#add(span, steps);
    if (this.#places.size > PLACES_MAX) {
      for (const id of this.#places.keys()) {
        this.#places.delete(id);
        if (this.#places.size <= PLACES_MAX / 2) break;
      }
      this.#waiting.clear();
    }
    return steps;
  }

  #add(span: Span, steps: GraphEdge[]): void {
    if (this.#places.has(span.id)) return;
    const { parentId } = span;
    if (parentId !== undefined && !this.#places.has(parentId)) {
      const waiting = this.#waiting.get(parentId);
      if (waiting) waiting.push(span);
      else this.#waiting.set(parentId, [span]);
      // Its own figures need no parent.
      const subject = subjectOf(span);
      if (subject) this.#count(this.#node(subject), span);
      return;
    }
    this.#place(span, steps, true);
  }

  /** The parent is known, or there is none. */
  #place(span: Span, steps: GraphEdge[], counting: boolean): void {
    const subject = subjectOf(span);
    const above = span.parentId === undefined ? undefined : this.#places.get(span.parentId);
    let key = above ?? "";
    if (subject) {
      const node = this.#node(subject);
      key = node.key;
      if (counting) this.#count(node, span);
      const from = above || (span.parentId === undefined ? this.#outside(span).key : undefined);
      if (from && from !== key) steps.push(this.#step(from, key, span));
    }
    this.#places.set(span.id, key);
    const children = this.#waiting.get(span.id);
    if (!children) return;
    this.#waiting.delete(span.id);
    for (const child of children) this.#place(child, steps, false);
  }

  #outside(span: Span): GraphNode {
    const node = this.#node(OUTSIDE);
    node.count++;
    node.lastMs = Math.max(node.lastMs, span.startMs);
    return node;
  }

  #node(subject: Subject): GraphNode {
    const key = keyOf(subject);
    let node = this.nodes.get(key);
    if (!node) {
      node = { key, ...subject, count: 0, errors: 0, coldStarts: 0, busyMs: 0, lastMs: 0 };
      this.nodes.set(key, node);
    }
    return node;
  }

  #count(node: GraphNode, span: Span): void {
    node.count++;
    node.busyMs += span.durationMs;
    node.lastMs = Math.max(node.lastMs, span.startMs + span.durationMs);
    if (span.error) node.errors++;
    if (span.attributes?.["coldStart"] === true) node.coldStarts++;
  }

  #step(from: string, to: string, span: Span): GraphEdge {
    const key = `${from}→${to}`;
    let edge = this.edges.get(key);
    if (!edge) this.edges.set(key, (edge = { key, from, to, count: 0, errors: 0, lastMs: 0 }));
    edge.count++;
    if (span.error) edge.errors++;
    edge.lastMs = Math.max(edge.lastMs, span.startMs);
    return edge;
  }
}
