/** What load balancers need of the outside world: ports of this machine, on the loopback interface. */
import { createServer } from "node:http";
import type { Elbv2Ports } from "../services/elbv2/service.ts";

/** As AWS closes a client's idle connection. */
const CLIENT_KEEP_ALIVE_MS = 3_600_000;

export const elbv2Ports: Elbv2Ports = {
  async listen(port, onRequest, onUpgrade) {
    const server = createServer({ keepAliveTimeout: CLIENT_KEEP_ALIVE_MS, requestTimeout: 0 }, onRequest);
    server.on("upgrade", onUpgrade);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    return {
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    };
  },
};
