/** One submission of the form, as a browser on another host name sends it. Names under localhost are not known to every resolver, so it dials 127.0.0.1. */
import { request } from "node:http";

/** Resolves with the status once the whole answer was read; rejects when the connection broke. */
export function post(api: URL, body: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port: api.port,
        path: api.pathname,
        method: "POST",
        headers: { host: api.host, "content-type": "application/json" },
        agent: false,
      },
      (response) => {
        response.on("error", reject);
        response
          .resume()
          .on("end", () => (response.complete ? resolve(response.statusCode!) : reject(new Error("cut off"))));
      },
    );
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}
