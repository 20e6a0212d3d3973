/**
 * The network of tasks. Each task has one address, on a bridge whose gateway is the address at which AWS's container agent answers: what runs in a
 * task reaches Virga there, and nobody else does. Where containers have no address that this machine reaches, their ports are published on
 * loopback instead.
 *
 * A task of one container is its own network; where there are several, a container that does nothing holds it for them.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
 */
import type { Random } from "../kernel/random.ts";
import type { ContainerEngine, ContainerSpec, Port } from "./engine.ts";
import { PAUSE_COMMAND, PAUSE_IMAGE, pauseArchive } from "./pause.ts";

/** Link-local, as the agent's own bridge; .170.2 is where SDKs look for a task's credentials. */
export const TASK_NETWORK = { name: "virga-tasks", subnet: "169.254.170.0/23", gateway: "169.254.170.2" } as const;
/** 512 addresses without the first, the last and the gateway. */
const ADDRESSES = 512;
/** Tasks that may run at once on one machine. */
export const TASKS_MAX = ADDRESSES - 3;
const PAUSE_MEMORY_BYTES = 16 * 1024 * 1024;

export interface NetworkedTask {
  readonly key: string;
  /** It has one container. */
  readonly alone: boolean;
  readonly ports: readonly Port[];
}

export interface Door {
  /** Listens at the gateway for connections from tasks. @throws with code EADDRNOTAVAIL while the bridge is not there */
  listen(gateway: string): Promise<{ readonly port: number }>;
  close(): Promise<void>;
}

export interface TaskNetworks {
  open(instance: string, doorLabels: Readonly<Record<string, string>>): void;
  /** What tasks reach Virga by: `http://169.254.170.2:80`. */
  door(): Promise<string | undefined>;
  /** The network that a task's next container joins. */
  of(
    task: NetworkedTask,
    holder: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
    cgroupParent: string | undefined,
  ): Promise<ContainerSpec["network"]>;
  addressOf(key: string): string | undefined;
  taskAt(address: string): string | undefined;
  /** A task that ran before has this address. */
  adopt(key: string, address: string): void;
  release(key: string): void;
  close(end: boolean): Promise<void>;
}

export function createTaskNetworks(options: {
  readonly engine: ContainerEngine;
  readonly random: Random;
  readonly door: Door;
}): TaskNetworks {
  const { engine, random, door } = options;
  const addresses = new Map<string, string>();
  const tasks = new Map<string, string>();
  const holders = new Map<string, Promise<string>>();
  let instance = "";
  let doorLabels: Readonly<Record<string, string>> = {};
  let opening: Promise<string | undefined> | undefined;
  let bridgeHolder: string | undefined;

  function drawAddress(key: string): string {
    const known = addresses.get(key);
    if (known !== undefined) return known;
    if (addresses.size >= TASKS_MAX)
      throw new Error(`${TASKS_MAX} tasks run; this machine's task network has no room for more.`);
    for (;;) {
      const number = 1 + random.integer(ADDRESSES - 2);
      const address = `169.254.${170 + (number >> 8)}.${number & 255}`;
      if (address === TASK_NETWORK.gateway || tasks.has(address)) continue;
      adopt(key, address);
      return address;
    }
  }

  function adopt(key: string, address: string): void {
    addresses.set(key, address);
    tasks.set(address, key);
  }

  /** Creates a container that does nothing but be there. */
  async function pause(spec: Pick<ContainerSpec, "name" | "labels" | "network" | "cgroupParent">): Promise<string> {
    const found = await engine.inspect(spec.name);
    if (found?.phase === "running") return found.id;
    if (found) await engine.remove(found.id);
    const { architecture } = await engine.connect();
    if (!(await engine.holds(PAUSE_IMAGE))) await engine.importImage(PAUSE_IMAGE, pauseArchive(architecture));
    const id = await engine.create({
      ...spec,
      image: PAUSE_IMAGE,
      entryPoint: PAUSE_COMMAND,
      environment: {},
      cpus: 0,
      memoryBytes: PAUSE_MEMORY_BYTES,
      readonlyRoot: true,
      init: false,
      tty: false,
      openStdin: false,
      mounts: [],
      ulimits: [],
      capabilitiesAdded: [],
      capabilitiesDropped: [],
      sysctls: {},
    });
    await engine.start(id);
    return id;
  }

  async function openDoor(): Promise<string | undefined> {
    const { reach } = await engine.connect();
    if (reach !== "direct") return undefined;
    const listen = async () => {
      const { port } = await door.listen(TASK_NETWORK.gateway);
      return `http://${TASK_NETWORK.gateway}${port === 80 ? "" : `:${port}`}`;
    };
    try {
      return await listen();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRNOTAVAIL") throw error;
    }
    // Podman makes the bridge with its first container and takes it away with the last.
    bridgeHolder = await pause({
      name: `virga-${instance.slice(0, 8)}-door`,
      labels: doorLabels,
      network: { kind: "own", address: drawAddress(".door"), publish: [] },
    });
    return listen();
  }

  return {
    open(name, labels) {
      instance = name;
      doorLabels = labels;
    },
    door() {
      opening ??= openDoor().catch((error) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    async of({ key, alone, ports }, holder, cgroupParent) {
      const { reach } = await engine.connect();
      const own: ContainerSpec["network"] =
        reach === "direct" ? { kind: "own", address: drawAddress(key), publish: [] } : { kind: "own", publish: ports };
      if (alone) return own;
      let holding = holders.get(key);
      if (!holding) {
        holding = pause({ ...holder, network: own, ...(cgroupParent === undefined ? {} : { cgroupParent }) });
        holders.set(key, holding);
        holding.catch(() => holders.delete(key));
      }
      return { kind: "shared", containerId: await holding };
    },
    addressOf: (key) => addresses.get(key),
    taskAt: (address) => tasks.get(address),
    adopt,
    release(key) {
      const address = addresses.get(key);
      if (address !== undefined) tasks.delete(address);
      addresses.delete(key);
      holders.delete(key);
    },
    async close(end) {
      await door.close();
      if (end && bridgeHolder !== undefined) await engine.remove(bridgeHolder).catch(() => undefined);
    },
  };
}
