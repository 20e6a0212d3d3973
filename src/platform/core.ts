/**
 * Where operations run. Finds an operation in its service's table, checks what is unsupported and who may, and runs it in a transaction
 * (or as a flow). Every call goes through here: from the wire, from another service, from a subscriber.
 */
import type { AccountId, Region } from "../kernel/arn.ts";
import type { Clock } from "../kernel/clock.ts";
import { notImplemented } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Measurements } from "../kernel/measurements.ts";
import type { Random } from "../kernel/random.ts";
import { type Trace, Tracer } from "../kernel/trace.ts";
import type { ServiceName } from "../services/clients.ts";
import type {
  ApiRequest,
  Flow,
  FlowContext,
  Operation,
  OperationContext,
  Permission,
  Principal,
  Service,
} from "../services/service.ts";
import type { Blobs } from "../storage/blobs.ts";
import { OverlayTransaction } from "../storage/overlay.ts";
import type { Store } from "../storage/store.ts";
import type { Transaction } from "../storage/transaction.ts";
import { flowContext, OperationRun } from "./contexts.ts";
import { Hub } from "./hub.ts";
import type { Spans } from "./spans.ts";
import { memberPath, type UnsupportedMember } from "./unsupported.ts";

/** Who calls, from where. */
export interface Caller {
  readonly principal: Principal;
  readonly accountId: AccountId;
  readonly region: Region;
  readonly requestId: string;
  readonly endpoint: string;
  readonly signal: AbortSignal;
  readonly http?: ApiRequest;
  /** Condition keys of the request: `aws:SourceIp` … */
  readonly conditions?: Readonly<Record<string, string>>;
  readonly unmetered?: true;
  /** What caused this call. A trace begins here when it is absent. */
  readonly trace?: Trace | undefined;
}

/** Decides whether a principal may; throws AccessDenied as the service would. */
export type Authorize = (
  tx: Transaction,
  service: Service,
  operation: string,
  permissions: () => readonly Permission[],
  context: OperationContext,
  conditions: Readonly<Record<string, string>>,
) => void;

export interface Entry {
  readonly service: Service;
  readonly name: string;
  readonly operation: Operation<any, any> | undefined;
  readonly flow: Flow<any, any> | undefined;
  readonly unsupported: readonly UnsupportedMember[];
  readonly permissions: (input: any, context: OperationContext) => readonly Permission[];
}

export interface CoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly services: readonly Service[];
  readonly authorize: Authorize;
  readonly measurements: Measurements;
  readonly spans: Spans;
  /** False: usage and measurements go nowhere. Only to measure what they cost. */
  readonly metered?: boolean;
}

const NO_CONDITIONS: Readonly<Record<string, string>> = {};

export class Core {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly services: ReadonlyMap<string, Service>;
  readonly hub: Hub;
  readonly tracer: Tracer;
  readonly spans: Spans;
  readonly measurements: Measurements;
  readonly metered: boolean;
  readonly authorize: Authorize;
  readonly #entries = new Map<string, Entry>();

  constructor(options: CoreOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.log = options.log;
    this.store = options.store;
    this.blobs = options.blobs;
    this.services = new Map(options.services.map((service) => [service.name, service]));
    this.hub = new Hub(options.clock);
    this.tracer = new Tracer(options.random);
    this.spans = options.spans;
    this.measurements = options.measurements;
    this.metered = options.metered ?? true;
    this.authorize = options.authorize;
  }

  /** A public operation, each call a transaction of its own. @throws AwsError */
  async dispatch(service: string, operation: string, input: unknown, caller: Caller): Promise<any> {
    const entry = this.entry(service, operation);
    const trace = this.traceUnder(caller);
    const { failed } = entry.service;
    if (!trace.sampled && !failed) return this.#run(entry, input, caller, trace);
    const startMs = this.clock.nowMs();
    const from = this.clock.monotonicMs();
    const work = { caller, trace, startMs, service, name: operation, requestId: caller.requestId };
    try {
      const output = await this.#run(entry, input, caller, trace);
      if (trace.sampled) this.spans.operation(entry, input, { ...work, durationMs: this.clock.monotonicMs() - from });
      return output;
    } catch (error) {
      failed?.(this.flow(caller, trace), input, error);
      if (trace.sampled)
        this.spans.operation(entry, input, { ...work, durationMs: this.clock.monotonicMs() - from, error });
      throw error;
    }
  }

  /** A span of its own for what a caller asks: under what caused it, or the first of a new trace. */
  traceUnder({ trace }: Pick<Caller, "trace">): Trace {
    return trace ? this.tracer.under(trace) : this.tracer.begin(this.clock.nowMs());
  }

  async #run(entry: Entry, input: unknown, caller: Caller, trace: Trace): Promise<any> {
    if (entry.operation) {
      const run = entry.operation;
      return this.store.write((tx) => {
        const context = this.context(tx, caller, trace);
        this.admit(tx, entry, input, context, caller);
        return run(tx, input, context);
      });
    }
    this.store.peek((tx) => this.admit(tx, entry, input, this.context(tx, caller, trace), caller));
    return entry.flow!(this.flow(caller, trace), input);
  }

  /** Refuses what is not supported, then whoever may not. @throws AwsError */
  admit(
    tx: Transaction,
    entry: Entry,
    input: unknown,
    context: OperationContext,
    { conditions = NO_CONDITIONS }: Pick<Caller, "conditions">,
  ): void {
    for (const member of entry.unsupported) {
      if (member.isSet(input)) throw notImplemented(`${member.name} of ${entry.service.name}:${entry.name}`);
    }
    this.authorize(tx, entry.service, entry.name, () => entry.permissions(input, context), context, conditions);
  }

  /** What a flow, a front or a subscriber works with. */
  flow(caller: Caller, trace: Trace = this.traceUnder(caller)): FlowContext {
    return flowContext(this, caller, trace);
  }

  /** What an operation works with, for one run. */
  context(tx: Transaction, caller: Omit<Caller, "signal">, trace: Trace): OperationContext {
    if (trace.sampled && tx instanceof OverlayTransaction) tx.trace = trace;
    return new OperationRun(this, tx, caller, trace);
  }

  /** @throws NotImplemented for an operation that Virga does not have */
  entry(serviceName: string, operation: string): Entry {
    const id = `${serviceName}:${operation}`;
    const known = this.#entries.get(id);
    if (known) return known;
    const service = this.services.get(serviceName);
    if (!service) throw notImplemented(`the service ${serviceName}`);
    const table = <T>(record: Readonly<Record<string, T>> | undefined): T | undefined =>
      record && Object.hasOwn(record, operation) ? record[operation] : undefined;
    const entry: Entry = {
      service,
      name: operation,
      operation: table(service.operations as Record<string, Operation<any, any>>),
      flow: table(service.flows as Record<string, Flow<any, any>> | undefined),
      unsupported: (table(service.unsupported as Record<string, readonly string[]> | undefined) ?? []).map(memberPath),
      permissions: permissionsOf(service, operation, table(service.permissions as Record<string, any> | undefined)),
    };
    if (!entry.operation && !entry.flow) throw notImplemented(`${serviceName}:${operation}`);
    this.#entries.set(id, entry);
    return entry;
  }
}

function permissionsOf(
  service: Service,
  operation: string,
  declared: ((input: any, context: OperationContext) => Permission | readonly Permission[]) | undefined,
): (input: any, context: OperationContext) => readonly Permission[] {
  if (!declared) {
    const fallback = [{ action: `${IAM_PREFIX[service.name] ?? service.name}:${operation}`, resource: "*" }];
    return () => fallback;
  }
  return (input, context) => {
    const permissions = declared(input, context);
    return Array.isArray(permissions) ? permissions : [permissions as Permission];
  };
}

/** Where the prefix of IAM actions differs from the service's name. */
const IAM_PREFIX: Partial<Record<ServiceName, string>> = {
  apigatewayv2: "apigateway",
  applicationautoscaling: "application-autoscaling",
  dynamodbstreams: "dynamodb",
  elbv2: "elasticloadbalancing",
  sesv2: "ses",
};
