/** ECS over a container engine that lives on the test's clock. */
import { createTaskHost } from "../../containers/host.ts";
import { createTaskNetworks } from "../../containers/networks.ts";
import { noCgroups } from "../../containers/task-cgroups.ts";
import { closedDoor, createFakeEngine, type FakeEngine } from "../../containers/testing.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { EcsPorts } from "./ports.ts";

export interface FakeEcsPorts extends EcsPorts {
  /** There once the platform is open; hand it to another's ports to let it survive a crash. */
  engine: FakeEngine;
}

/** @param options `engine`: one that was there before; `endTasks`: tasks end with the platform */
export function fakePorts(
  options: {
    readonly engine?: FakeEngine;
    readonly endTasks?: boolean;
    readonly prepare?: (engine: FakeEngine) => void;
  } = {},
): FakeEcsPorts {
  const ports: FakeEcsPorts = {
    engine: options.engine as FakeEngine,
    endTasks: options.endTasks ?? false,
    openHost({ clock, random, log, sink }) {
      ports.engine ??= createFakeEngine(clock as Clock);
      ports.engine.use(clock);
      options.prepare?.(ports.engine);
      const { engine } = ports;
      return createTaskHost({
        engine,
        clock,
        log,
        sink,
        networks: createTaskNetworks({ engine, random, door: closedDoor }),
        cgroups: noCgroups,
      });
    },
  };
  return ports;
}
