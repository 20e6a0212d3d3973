/**
 * What a service is made of. Every folder beside this file exports one {@link Service}; the platform composes them and nothing else
 * does: no service imports another. They meet through {@link Call}.
 */
import type { Readable } from "node:stream";
import type { AccountId, Region } from "../kernel/arn.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Datum } from "../kernel/measurements.ts";
import type { Random } from "../kernel/random.ts";
import type { SpanSink, Trace, Tracer } from "../kernel/trace.ts";
import type { Blobs } from "../storage/blobs.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { InputOf, OperationName, OutputOf, ServiceName } from "./clients.ts";
import type { ResourceType } from "./resources.ts";

export type { InputOf, OperationName, OutputOf, ServiceName } from "./clients.ts";

/** Who asks. */
export type Principal =
  | { readonly type: "root"; readonly accountId: AccountId; readonly arn: string }
  | {
      readonly type: "user";
      readonly accountId: AccountId;
      readonly arn: string;
      readonly userName: string;
      readonly userId: string;
    }
  | {
      readonly type: "assumed-role";
      readonly accountId: AccountId;
      /** arn:aws:sts::…:assumed-role/NAME/SESSION */
      readonly arn: string;
      readonly roleArn: string;
      readonly roleId: string;
      readonly sessionName: string;
      /** Policy documents passed to AssumeRole, which narrow the role's own. */
      readonly sessionPolicies?: readonly string[];
      /** When its credentials were issued: `aws:TokenIssueTime`. */
      readonly issuedMs?: number;
    }
  /** An AWS service acting by itself, for example `apigateway.amazonaws.com`. */
  | {
      readonly type: "service";
      readonly service: string;
      readonly sourceArn?: string;
      readonly sourceAccount?: AccountId;
    }
  | { readonly type: "anonymous" };

/** What a synchronous operation knows besides its transaction and input. Same values, same result. */
export interface OperationContext {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly principal: Principal;
  readonly requestId: string;
  readonly nowMs: number;
  readonly random: Random;
  /** Base URL by which the caller reaches Virga, no slash at its end: `http://localhost:4566`. For URLs in answers. */
  readonly endpoint: string;
  /** Another operation, in this same transaction: it commits with this one or not at all. An AwsError it throws may be caught; what it wrote is undone. */
  readonly call: Call;
  /** IP address that the request came from; undefined for what the platform does by itself. */
  readonly sourceIp: string | undefined;
  /** Whether the caller (or another principal) may, where an operation asks for more than `permissions` says: each key of a batch, how much an error may tell. */
  allows(service: ServiceName, permission: Permission, principal?: Principal): boolean;
  /** Wakes everybody who waits for this topic, once this transaction is durable. */
  wake(topic: string): void;
  /** The trace that this belongs to, with its own span: events carry it on by themselves; hand it on where it leaves Virga. */
  readonly trace: Trace;
  /** Adds to the usage ledger, in this commit. */
  use(usage: Usage): void;
  /** One datapoint of Virga's own metrics, once this transaction is durable. */
  measure(datum: Datum): void;
}

/** What was used, in the unit that AWS bills. */
export interface Usage {
  /** ARN of what it was used by. */
  readonly resource: string;
  /** As AWS's cost reports name it, without the region before it: `Lambda-GB-Second`. */
  readonly usageType: string;
  readonly quantity: number;
}

/** In-transaction call. Flows cannot be called this way: emit an event and call them from its subscriber. */
export type Call = <S extends ServiceName, O extends OperationName<S>>(
  service: S,
  operation: O,
  input: InputOf<S, O>,
  as?: CallAs,
) => OutputOf<S, O>;

export interface CallAs {
  /** Defaults to the caller's own principal. */
  readonly principal?: Principal;
  readonly accountId?: AccountId;
  readonly region?: Region;
  /** Defaults to the caller's own. For what was caused by something else than the caller: a message that was sent earlier. */
  readonly trace?: Trace;
  /** What the platform looks up for itself is nobody's usage: neither counted nor measured. */
  readonly unmetered?: true;
}

/** A plain function over a transaction. No await inside. */
export type Operation<I, O> = (tx: Transaction, input: I, context: OperationContext) => O;

/** What must be asynchronous: long polls, body streams, running code. It reads and writes through operations. */
export type Flow<I, O> = (flow: FlowContext, input: I) => Promise<O>;

export interface FlowContext {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly principal: Principal;
  readonly requestId: string;
  readonly endpoint: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly blobs: Blobs;
  /** The trace that this belongs to. */
  readonly trace: Trace;
  readonly tracer: Tracer;
  /** Where work that is no operation of its own, such as running a function, is written down. */
  readonly spans: SpanSink;
  /** Adds to the usage ledger what was used by work that wrote nothing. What is used beside a write belongs in its commit: {@link OperationContext.use}. */
  use(usage: Usage): void;
  /** One datapoint of Virga's own metrics. */
  measure(datum: Datum): void;
  /** Aborted when the caller went away or the platform closes. */
  readonly signal: AbortSignal;
  /** The HTTP request behind an AWS API call; absent when called in process. */
  readonly http?: ApiRequest;
  /** Runs a function in a transaction of its own; resolves when what it wrote is durable. */
  write<T>(operation: (tx: Transaction, context: OperationContext) => T): Promise<T>;
  /** A public operation or flow of any service, authorised as `as.principal` (default: this flow's). */
  call<S extends ServiceName, O extends OperationName<S>>(
    service: S,
    operation: O,
    input: InputOf<S, O>,
    as?: CallAs & { readonly signal?: AbortSignal },
  ): Promise<OutputOf<S, O>>;
  /** Waits until somebody wakes the topic, `timeoutMs` have passed, or the signal aborts. True if woken. Ask before you check the state, await after. */
  wait(topic: string, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
  /** The same context for another principal, account or region. */
  as(as: CallAs): FlowContext;
}

/** What a flow may want to know of the HTTP request that carried an AWS API call. */
export interface ApiRequest {
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** aws-chunked trailers by lower-case name; complete once the body has been read to its end. */
  trailers(): Readonly<Record<string, string>>;
}

/** A service's operation table: SDK-typed. */
export type Operations<S extends ServiceName> = {
  readonly [O in OperationName<S>]?: Operation<InputOf<S, O>, OutputOf<S, O>>;
};
export type Flows<S extends ServiceName> = { readonly [O in OperationName<S>]?: Flow<InputOf<S, O>, OutputOf<S, O>> };

/** One permission that an operation needs: `sqs:SendMessage` on a queue's ARN. */
export interface Permission {
  readonly action: string;
  readonly resource: string;
  /** Condition keys beside the global ones, for example `s3:prefix`. */
  readonly conditions?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Service<S extends ServiceName = ServiceName> {
  readonly name: S;
  readonly operations: Operations<S>;
  readonly flows?: Flows<S>;
  /**
   * Input members that are not supported yet, per operation, with dots for nested ones: refused by name when set. Every other member
   * must be honoured. `{ CreateQueue: ["Attributes.KmsMasterKeyId"] }`
   */
  readonly unsupported?: { readonly [O in OperationName<S>]?: readonly string[] };
  /** Permissions per operation. An operation without an entry needs `prefix:Operation` on `*`. */
  readonly permissions?: {
    readonly [O in OperationName<S>]?: (
      input: InputOf<S, O>,
      context: Pick<OperationContext, "accountId" | "region" | "call" | "principal">,
    ) => Permission | readonly Permission[];
  };
  /** The policy attached to a resource of this service (queue, bucket, function …), as JSON text; undefined when it has none. */
  readonly resourcePolicy?: (tx: Transaction, resource: string) => string | undefined;
  /** The account that a resource belongs to, where its ARN does not say so and it may be another than the caller's: an S3 bucket's. */
  readonly resourceOwner?: (tx: Transaction, resource: string) => AccountId | undefined;
  /** Told of requests that end in an error: an operation that throws can measure nothing itself. */
  readonly failed?: (on: { measure(datum: Datum): void }, input: any, error: unknown) => void;
  /** Events this service hears. An {@link Subscriber.operation} runs in the transaction that takes the event off the outbox: exactly once. A flow runs at least once. */
  readonly hears?: Readonly<Record<string, Subscriber>>;
  /** CloudFormation resource types, by name. */
  readonly resources?: Readonly<Record<`AWS::${string}`, ResourceType>>;
  /** HTTP surfaces that are not AWS APIs: websites, API stages, function URLs, `/_aws/…`. */
  readonly fronts?: readonly HttpFront[];
  /** Begins background work (event source pollers …). Called after the store is open; returns what ends it. */
  readonly start?: (flow: FlowContext) => Promise<() => Promise<void>>;
}

export type Subscriber = (
  | { readonly operation: (tx: Transaction, detail: any, context: OperationContext) => void }
  | {
      readonly flow: (flow: FlowContext, detail: any) => Promise<void>;
      /** Deliveries at the same time; default 16. */
      readonly concurrency?: number;
      /** Whose event it is, by its detail: no lane can keep the deliveries of others waiting. */
      readonly laneOf?: (detail: any) => string;
    }
) & {
  /** Belongs to no request, whatever caused it long ago: housekeeping by the clock. */
  readonly untraced?: true;
};

/** An HTTP request that is not an AWS API call. */
export interface HttpRequest {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  /** Without `?`; empty when there is none. */
  readonly query: string;
  /** Lower-case names; several values joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** Names and values as sent, in order. */
  readonly rawHeaders: readonly (readonly [string, string])[];
  readonly host: string;
  readonly sourceIp: string;
  /** `HTTP/1.1` */
  readonly protocol: string;
  readonly body: Readable;
  /** Collects the body; throws {@link tooLarge} past the limit. */
  readBody(bytesMax: number, tooLarge?: () => Error): Promise<Buffer>;
  /** Who signed the policy that a browser's form carries, by the form's fields under lower-case names; anonymous where nobody did. @throws AwsError in S3's words */
  signerOfForm(fields: Readonly<Record<string, string>>): FormSigner;
}

export interface FormSigner {
  readonly principal: Principal;
  readonly accountId: AccountId;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array | Readable;
}

export interface HttpFront {
  /** As `doctor` and the log name it: `s3-website`. */
  readonly name: string;
  /** Requests for it are not written down as traces: the console's own, health checks. */
  readonly untraced?: true;
  /** Matched against the method; any when absent. */
  readonly method?: RegExp;
  /** Matched against the Content-Type header; any when absent. */
  readonly contentType?: RegExp;
  /** What else must hold of the request; anything when absent. Host without its port, header names in lower case. */
  readonly when?: (head: {
    readonly host: string;
    readonly query: string;
    readonly headers: Readonly<Record<string, string>>;
  }) => boolean;
  /** Matched against the Host header without its port, case-insensitively; named groups are handed on. */
  readonly host?: RegExp;
  /** Matched against the path, and cut off it; named groups are handed on. */
  readonly path?: RegExp;
  /** `flow.principal` is whoever signed the request, else anonymous. */
  handle(flow: FlowContext, request: HttpRequest, groups: Readonly<Record<string, string>>): Promise<HttpResponse>;
}

/** Declares a service; only there to infer the types. */
export function defineService<S extends ServiceName>(service: Service<S>): Service<S> {
  return service;
}
