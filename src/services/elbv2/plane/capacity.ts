/**
 * Load balancer capacity units: of new connections, processed bytes and rule evaluations, whichever takes most. Gathered in memory and put into the
 * ledger a minute after the first request; a killed platform loses that minute's. AWS takes the dimension of the whole hour, here each minute has its own,
 * and connections that stay open do not count.
 *
 * @see https://aws.amazon.com/elasticloadbalancing/pricing/
 */
import type { Clock, Timer } from "../../../kernel/clock.ts";
import type { FlowContext } from "../../service.ts";

const MINUTE_MS = 60_000;
const GB = 2 ** 30;
/** What one unit carries in an hour. */
const UNIT = {
  connections: 25 * 3600,
  bytes: GB,
  /** To and from functions. */
  functionBytes: 0.4 * GB,
  evaluations: 1000 * 3600,
} as const;
/** Rules of a listener that cost nothing. */
const RULES_FREE = 10;

type Load = { -readonly [dimension in keyof typeof UNIT]: number };

interface Carried {
  readonly by: Pick<FlowContext, "use">;
  readonly load: Load;
}

export class Capacity {
  readonly #clock: () => Clock;
  #carried = new Map<string, Carried>();
  #timer: Timer | undefined;

  constructor(clock: () => Clock) {
    this.#clock = clock;
  }

  /** @param by in the load balancer's own account and region */
  add(by: Pick<FlowContext, "use">, loadBalancerArn: string, dimension: keyof Load, amount: number): void {
    if (amount <= 0) return;
    let carried = this.#carried.get(loadBalancerArn);
    if (carried === undefined) {
      carried = { by, load: { connections: 0, bytes: 0, functionBytes: 0, evaluations: 0 } };
      this.#carried.set(loadBalancerArn, carried);
    }
    carried.load[dimension] += amount;
    const clock = this.#clock();
    this.#timer ??= clock.at(clock.nowMs() + MINUTE_MS, () => this.settle());
  }

  evaluated(by: Pick<FlowContext, "use">, loadBalancerArn: string, rules: number): void {
    this.add(by, loadBalancerArn, "evaluations", rules - RULES_FREE);
  }

  /** Puts what was carried so far into the ledger. */
  settle(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const carried = this.#carried;
    this.#carried = new Map();
    for (const [resource, { by, load }] of carried)
      by.use({ resource, usageType: "LCUUsage", quantity: unitHours(load) });
  }
}

const unitHours = ({ connections, bytes, functionBytes, evaluations }: Load): number =>
  Math.max(
    connections / UNIT.connections,
    bytes / UNIT.bytes + functionBytes / UNIT.functionBytes,
    evaluations / UNIT.evaluations,
  );
