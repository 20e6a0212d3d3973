/** What operations and flows work with. Classes, because every request makes some: their verbs are made once. */
import type { AccountId, Region } from "../kernel/arn.ts";
import type { Clock } from "../kernel/clock.ts";
import { AwsError, assert } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Datum } from "../kernel/measurements.ts";
import type { Random } from "../kernel/random.ts";
import type { Trace, Tracer } from "../kernel/trace.ts";
import { usageKey } from "../metering/ledger.ts";
import type { InputOf, OperationName, OutputOf, ServiceName } from "../services/clients.ts";
import type {
  ApiRequest,
  CallAs,
  FlowContext,
  OperationContext,
  Permission,
  Principal,
  Usage,
} from "../services/service.ts";
import type { Blobs } from "../storage/blobs.ts";
import { nested } from "../storage/overlay.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { Caller, Core } from "./core.ts";
import type { Spans } from "./spans.ts";

/** For one run of one operation. */
export class OperationRun implements OperationContext {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly principal: Principal;
  readonly requestId: string;
  readonly nowMs: number;
  readonly random: Random;
  readonly endpoint: string;
  readonly trace: Trace;
  readonly #core: Core;
  readonly #tx: Transaction;
  readonly #caller: Omit<Caller, "signal">;

  constructor(core: Core, tx: Transaction, caller: Omit<Caller, "signal">, trace: Trace) {
    this.accountId = caller.accountId;
    this.region = caller.region;
    this.principal = caller.principal;
    this.requestId = caller.requestId;
    this.nowMs = core.clock.nowMs();
    this.random = core.random;
    this.endpoint = caller.endpoint;
    this.trace = trace;
    this.#core = core;
    this.#tx = tx;
    this.#caller = caller;
  }

  allows(serviceName: ServiceName, permission: Permission): boolean {
    const service = this.#core.services.get(serviceName);
    assert(service, `${serviceName} is one of the services`);
    try {
      this.#core.authorize(
        this.#tx,
        service,
        permission.action,
        () => [permission],
        this,
        this.#caller.conditions ?? {},
      );
      return true;
    } catch (error) {
      if (error instanceof AwsError) return false;
      throw error;
    }
  }

  use({ resource, usageType, quantity }: Usage): void {
    this.#tx.add(usageKey(this.nowMs, this.accountId, this.region, resource, usageType), quantity);
  }

  measure(datum: Datum): void {
    this.#tx.afterCommit(() => this.#core.measurements.add(this.accountId, this.region, this.nowMs, datum));
  }

  wake(topic: string): void {
    this.#tx.afterCommit(() => this.#core.hub.wake(topic));
  }

  call<S extends ServiceName, O extends OperationName<S>>(
    service: S,
    operation: O,
    input: InputOf<S, O>,
    as: CallAs = {},
  ): OutputOf<S, O> {
    const core = this.#core;
    const entry = core.entry(service, operation);
    const run = entry.operation;
    assert(run, `${service}:${operation} can be called in a transaction`);
    return nested(this.#tx, (inner) => {
      const caller = derived(core, this.#caller, as, this.trace);
      const trace = core.traceUnder(caller);
      const context = core.context(inner, caller, trace);
      if (trace.sampled) {
        const { requestId } = caller;
        const work = { caller, trace, startMs: this.nowMs, service, name: operation, requestId, durationMs: 0 };
        inner.afterCommit(() => core.spans.operation(entry, input, work));
      }
      core.admit(inner, entry, input, context, caller);
      return run(inner, input, context);
    });
  }
}

/** For one run of one flow, of a subscriber or of a front. */
export class FlowRun implements FlowContext {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly principal: Principal;
  readonly requestId: string;
  readonly endpoint: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly blobs: Blobs;
  readonly trace: Trace;
  readonly tracer: Tracer;
  readonly spans: Spans;
  readonly http?: ApiRequest;
  readonly #core: Core;
  readonly #caller: Caller;

  constructor(core: Core, caller: Caller, trace: Trace) {
    this.accountId = caller.accountId;
    this.region = caller.region;
    this.principal = caller.principal;
    this.requestId = caller.requestId;
    this.endpoint = caller.endpoint;
    this.clock = core.clock;
    this.random = core.random;
    this.log = core.log;
    this.blobs = core.blobs;
    this.trace = trace;
    this.tracer = core.tracer;
    this.spans = core.spans;
    if (caller.http) this.http = caller.http;
    this.#core = core;
    this.#caller = caller;
  }

  /** Asked of the caller when it is needed: most flows that only pass a body on never look at it. */
  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  measure(datum: Datum): void {
    this.#core.measurements.add(this.accountId, this.region, this.clock.nowMs(), datum);
  }

  write<T>(operation: (tx: Transaction, context: OperationContext) => T): Promise<T> {
    return this.#core.store.write((tx) => operation(tx, this.#core.context(tx, this.#caller, this.trace)));
  }

  call<S extends ServiceName, O extends OperationName<S>>(
    service: S,
    operation: O,
    input: InputOf<S, O>,
    as: CallAs & { readonly signal?: AbortSignal } = {},
  ): Promise<OutputOf<S, O>> {
    return this.#core.dispatch(service, operation, input, this.#derived(as));
  }

  wait(topic: string, timeoutMs: number, signal: AbortSignal = this.signal): Promise<boolean> {
    return this.#core.hub.wait(topic, timeoutMs, signal);
  }

  as(as: CallAs): FlowContext {
    return this.#core.flow(this.#derived(as), as.trace ?? this.trace);
  }

  #derived(as: CallAs & { readonly signal?: AbortSignal }): Caller {
    return { ...derived(this.#core, this.#caller, as, this.trace), signal: as.signal ?? this.signal };
  }
}

/** The caller that a call is made as: the one who runs, unless `as` says otherwise, caused by what runs. */
function derived(core: Core, caller: Omit<Caller, "signal">, as: CallAs, trace: Trace): Omit<Caller, "signal"> {
  return {
    principal: as.principal ?? caller.principal,
    accountId: as.accountId ?? caller.accountId,
    region: as.region ?? caller.region,
    requestId: core.random.uuid(),
    endpoint: caller.endpoint,
    trace: as.trace ?? trace,
    ...(caller.conditions ? { conditions: caller.conditions } : {}),
  };
}
