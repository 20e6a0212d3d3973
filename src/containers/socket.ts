/** Where a container engine listens: what was asked for, else what the environment says, else the usual places. */

export type EngineAddress =
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface SocketSources {
  /** `--container-socket` */
  readonly asked?: string | undefined;
  /** `DOCKER_HOST` */
  readonly dockerHost?: string | undefined;
  /** `XDG_RUNTIME_DIR` */
  readonly runtimeDirectory?: string | undefined;
  readonly home?: string | undefined;
  readonly exists: (path: string) => boolean;
}

/** Docker's places, then Podman's: system-wide before a user's own. */
const usualPlaces = ({ runtimeDirectory, home }: SocketSources): readonly string[] => [
  "/var/run/docker.sock",
  "/run/podman/podman.sock",
  ...(runtimeDirectory ? [`${runtimeDirectory}/docker.sock`, `${runtimeDirectory}/podman/podman.sock`] : []),
  ...(home ? [`${home}/.docker/run/docker.sock`, `${home}/.local/share/containers/podman/machine/podman.sock`] : []),
];

/** Undefined when nothing was named and nothing is there. @throws Error naming an address of a kind that is not supported */
export function findSocket(sources: SocketSources): EngineAddress | undefined {
  const named = sources.asked ?? sources.dockerHost;
  if (named) return parseAddress(named);
  const path = usualPlaces(sources).find(sources.exists);
  return path === undefined ? undefined : { kind: "socket", path };
}

/** `unix:///run/docker.sock`, `/run/docker.sock`, `tcp://127.0.0.1:2375`, `http://127.0.0.1:2375`. */
export function parseAddress(text: string): EngineAddress {
  if (text.startsWith("/")) return { kind: "socket", path: text };
  const unix = /^unix:\/\/(\/.+)$/.exec(text);
  if (unix) return { kind: "socket", path: unix[1]! };
  const tcp = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^/:]+):(\d+)\/?$/.exec(text);
  if (tcp) return { kind: "tcp", host: tcp[1]!.replace(/^\[|\]$/g, ""), port: Number(tcp[2]) };
  throw new Error(
    `${text} is no address of a container engine that Virga can speak to. Name a socket, such as unix:///run/podman/podman.sock, or tcp://HOST:PORT; for an engine elsewhere forward its socket with ssh -L.`,
  );
}

export const addressText = (address: EngineAddress): string =>
  address.kind === "socket" ? address.path : `tcp://${address.host}:${address.port}`;

export const ENGINE_REMEDY =
  "Install Docker (https://docs.docker.com/engine/install) or Podman (apt-get install podman; systemctl enable --now podman.socket), or name its socket with --container-socket.";
