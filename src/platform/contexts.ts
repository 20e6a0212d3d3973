/** What operations and flows work with. */
import type { AccountId, Region } from "../kernel/arn.ts";
import { AwsError, assert } from "../kernel/errors.ts";
import type { Datum } from "../kernel/measurements.ts";
import type { Random } from "../kernel/random.ts";
import type { Trace } from "../kernel/trace.ts";
import { usageKey } from "../metering/ledger.ts";
import type { InputOf, OperationName, OutputOf, ServiceName } from "../services/clients.ts";
import type { Call, CallAs, FlowContext, OperationContext, Permission, Principal, Usage } from "../services/service.ts";
import { nested } from "../storage/overlay.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { Caller, Core } from "./core.ts";

/** For one run of one operation. A class, because every request makes one: its verbs are made once. */
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
  readonly #metered: boolean;
  #measured: Datum[] | undefined;

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
    this.#metered = core.metered && !caller.unmetered;
  }

  get sourceIp(): string | undefined {
    return this.#caller.conditions?.["aws:SourceIp"];
  }

  allows(serviceName: ServiceName, permission: Permission, principal: Principal = this.principal): boolean {
    const service = this.#core.services.get(serviceName);
    assert(service, `${serviceName} is one of the services`);
    try {
      this.#core.authorize(
        this.#tx,
        service,
        permission.action,
        () => [permission],
        principal === this.principal ? this : this.#core.context(this.#tx, { ...this.#caller, principal }, this.trace),
        this.#caller.conditions ?? {},
      );
      return true;
    } catch (error) {
      if (error instanceof AwsError) return false;
      throw error;
    }
  }

  use({ resource, usageType, quantity }: Usage): void {
    if (!this.#metered) return;
    this.#tx.add(usageKey(this.nowMs, this.accountId, this.region, resource, usageType), quantity);
  }

  measure(datum: Datum): void {
    if (!this.#metered) return;
    if (this.#measured) {
      this.#measured.push(datum);
      return;
    }
    const measured = [datum];
    this.#measured = measured;
    this.#tx.afterCommit(() => {
      for (const each of measured) this.#core.measurements.add(this.accountId, this.region, this.nowMs, each);
    });
  }

  wake(topic: string): void {
    this.#tx.afterCommit(() => this.#core.hub.wake(topic));
  }

  /** Handed on by itself in places, so it knows whose it is. */
  readonly call: Call = (service, operation, input, as = {}) => this.#call(service, operation, input, as);

  #call<S extends ServiceName, O extends OperationName<S>>(
    service: S,
    operation: O,
    input: InputOf<S, O>,
    as: CallAs,
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

/** For one run of one flow, of a subscriber or of a front. Plain, so that it can be handed on with something changed. */
export function flowContext(core: Core, caller: Caller, trace: Trace): FlowContext {
  const { clock, random, log, blobs, tracer, spans, hub, measurements, store } = core;
  const { accountId, region, principal, requestId, endpoint, signal } = caller;
  const metered = core.metered && !caller.unmetered;
  const as = (as: CallAs & { readonly signal?: AbortSignal }): Caller => ({
    ...derived(core, caller, as, trace),
    signal: as.signal ?? signal,
  });
  return {
    accountId,
    region,
    principal,
    requestId,
    endpoint,
    clock,
    random,
    log,
    blobs,
    signal,
    ...(caller.http ? { http: caller.http } : {}),
    trace,
    tracer,
    spans,
    measure: (datum) => {
      if (metered) measurements.add(accountId, region, clock.nowMs(), datum);
    },
    use({ resource, usageType, quantity }) {
      if (metered) store.count(usageKey(clock.nowMs(), accountId, region, resource, usageType), quantity);
    },
    write: (operation) => store.write((tx) => operation(tx, core.context(tx, caller, trace))),
    call: (service, operation, input, asked = {}) => core.dispatch(service, operation, input, as(asked)),
    wait: (topic, timeoutMs, until = signal) => hub.wait(topic, timeoutMs, until),
    as: (asked) => core.flow(as(asked), asked.trace ?? trace),
  };
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
    ...((as.unmetered ?? caller.unmetered) ? { unmetered: true } : {}),
  };
}
