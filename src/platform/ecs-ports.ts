/** What ECS needs of the machine: a container engine, and the door by which tasks reach the platform. */
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { homedir } from "node:os";
import { createContainerHost, createEngine } from "../containers/create.ts";
import type { ContainerEngine, EngineUnavailable } from "../containers/engine.ts";
import type { SocketSources } from "../containers/socket.ts";
import type { TaskHost } from "../containers/task.ts";
import { type Clock, SystemClock } from "../kernel/clock.ts";
import type { EcsPorts } from "../services/ecs/ports.ts";
import { createTaskDoor } from "./task-door.ts";

/** @param asked `--container-socket` */
export const socketSources = (asked: string | undefined): SocketSources => ({
  asked,
  dockerHost: process.env["DOCKER_HOST"],
  runtimeDirectory: process.env["XDG_RUNTIME_DIR"],
  home: homedir(),
  exists: existsSync,
});

export function ecsPorts(options: {
  readonly containerSocket: string | undefined;
  readonly server: () => Server | undefined;
  readonly portFile: string | undefined;
}): EcsPorts {
  return {
    endTasks: true,
    openHost({ clock, random, log, sink }) {
      const host: TaskHost = createContainerHost(
        {
          clock,
          random,
          log,
          sockets: socketSources(options.containerSocket),
          door: createTaskDoor({
            server: options.server,
            isTask: (address) => host.taskAt(address) !== undefined,
            portFile: options.portFile,
          }),
        },
        sink,
      );
      return host;
    },
  };
}

/** An engine for whoever builds images, outside a running platform. */
export const openContainerEngine = (asked: string | undefined, clock: Clock = new SystemClock()): ContainerEngine =>
  createEngine({ clock, sockets: socketSources(asked) });

export interface EngineFinding {
  readonly subject: string;
  readonly status: "ok" | "degraded" | "missing";
  readonly detail: string;
  readonly remedy?: string;
}

/** For `virga doctor`: which engine tasks would run on, or how to get one. */
export async function reportEngine(asked: string | undefined): Promise<EngineFinding> {
  const subject = "containers";
  const engine = openContainerEngine(asked);
  try {
    const { description, socket, reach } = await engine.connect();
    const place = `${description} at ${socket}`;
    return reach === "direct"
      ? { subject, status: "ok", detail: `${place}, tasks have addresses of their own` }
      : {
          subject,
          status: "degraded",
          detail: `${place}, ports of tasks are published on loopback`,
          remedy: "Run the engine as root on this machine for tasks with addresses, metadata and role credentials.",
        };
  } catch (error) {
    const { message, remedy } = error as EngineUnavailable;
    return {
      subject,
      status: "missing",
      detail: message,
      remedy: remedy ?? "Name another engine with --container-socket.",
    };
  } finally {
    await engine.close();
  }
}
