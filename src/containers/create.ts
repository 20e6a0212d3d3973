/** Puts this room together: from a socket to a host of tasks. */
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import { createDockerEngine } from "./docker.ts";
import type { ContainerEngine } from "./engine.ts";
import { createTaskHost } from "./host.ts";
import { createTaskNetworks, type Door, TASK_NETWORK } from "./networks.ts";
import { findSocket, type SocketSources } from "./socket.ts";
import type { TaskHost, TaskSink } from "./task.ts";
import { openTaskCgroups } from "./task-cgroups.ts";

export interface ContainerSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sockets: SocketSources;
  readonly door: Door;
}

export function createEngine({ clock, sockets }: Pick<ContainerSettings, "clock" | "sockets">): ContainerEngine {
  return createDockerEngine({ clock, address: () => findSocket(sockets), network: TASK_NETWORK });
}

export function createContainerHost(settings: ContainerSettings, sink: TaskSink): TaskHost {
  const { clock, random, log, door } = settings;
  const engine = createEngine(settings);
  return createTaskHost({
    engine,
    clock,
    log,
    sink,
    networks: createTaskNetworks({ engine, random, door }),
    cgroups: openTaskCgroups(),
  });
}
