/**
 * The way from tasks to Virga: a listener at the gateway of their network. Whoever connects from the address of a running task speaks to the
 * same server as everybody else; nobody else gets in. The port is kept from one start to the next, because running tasks know it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Door } from "../containers/networks.ts";

/** Where SDKs look for a task's credentials; taken if nobody else has it. */
const PORT_WANTED = 80;

export interface TaskDoorOptions {
  readonly server: () => HttpServer | undefined;
  /** Whether this address is a running task's. */
  readonly isTask: (address: string) => boolean;
  /** File that remembers the port; absent: it is not remembered. */
  readonly portFile: string | undefined;
}

export function createTaskDoor({ server, isTask, portFile }: TaskDoorOptions): Door {
  let listening: Server | undefined;

  const listenOn = (host: string, port: number): Promise<Server> =>
    new Promise((resolve, reject) => {
      const door = createServer((socket) => {
        const http = server();
        if (http && isTask((socket.remoteAddress ?? "").replace(/^::ffff:/, ""))) http.emit("connection", socket);
        else socket.destroy();
      });
      door.once("error", reject);
      door.listen(port, host, () => {
        door.removeListener("error", reject);
        resolve(door);
      });
    });

  return {
    async listen(gateway) {
      const kept = portFile === undefined ? undefined : keptPort(portFile);
      for (const port of [...(kept === undefined ? [] : [kept]), PORT_WANTED, 0]) {
        try {
          listening = await listenOn(gateway, port);
          break;
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (port === 0 || (code !== "EADDRINUSE" && code !== "EACCES")) throw error;
        }
      }
      const { port } = listening!.address() as AddressInfo;
      if (portFile !== undefined && port !== kept) writeFileSync(portFile, String(port));
      return { port };
    },
    async close() {
      listening?.close();
      listening = undefined;
    },
  };
}

function keptPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}
