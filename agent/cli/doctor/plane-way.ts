import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { hostPort } from "../../adapters/grpc/trusted-channel.ts";
import { rfc3339 } from "../../core/moment.ts";
import type { Proxy } from "../../core/proxy.ts";
import { Deadline } from "../../lifecycle/deadline.ts";
import { formatHostPort, type HostPort } from "../config/host-port.ts";
import type { Found } from "./finding.ts";
import { codeOf, connected } from "./sockets.ts";

const HANDSHAKE_MS = 5_000;
/** A certificate with less than this share of its time left is worth a word. */
const LITTLE = 0.1;

export interface PlaneWay {
  readonly endpoint: HostPort;
  readonly serverName: string | undefined;
  readonly proxy: Proxy | undefined;
  readonly caPem: string;
}

/** The way to the control plane, a step at a time: its name, its port, its certificate. */
export async function planeWay(way: PlaneWay, signal: AbortSignal): Promise<readonly Found[]> {
  const { endpoint, proxy } = way;
  const first = proxy ?? endpoint;
  const name = await resolves(first.host, signal);
  if (name.state === "fail") return [name];
  const port = await takesConnections(first, proxy !== undefined, signal);
  if (port.state === "fail") return [name, port];
  return [name, port, proxy === undefined ? await certificate(way, signal) : behind(proxy)];
}

async function resolves(host: string, signal: AbortSignal): Promise<Found> {
  const name = "control-plane/name";
  if (isIP(host) !== 0) return { name, state: "ok", evidence: `${host} is an address` };
  try {
    const found = await lookup(host, { all: true });
    signal.throwIfAborted();
    return { name, state: "ok", evidence: `${host} is ${found.map(({ address }) => address).join(", ")}` };
  } catch (failure) {
    signal.throwIfAborted();
    const evidence = `${host} has no address (${codeOf(failure)})`;
    return { name, state: "fail", evidence, next: `getent ahosts ${host}; cat /etc/resolv.conf` };
  }
}

async function takesConnections(to: HostPort, isProxy: boolean, signal: AbortSignal): Promise<Found> {
  const name = isProxy ? "control-plane/proxy" : "control-plane/port";
  const shown = formatHostPort(to);
  try {
    await connected(to, signal);
    return { name, state: "ok", evidence: `${shown} takes connections` };
  } catch (failure) {
    signal.throwIfAborted();
    const evidence = `${shown} takes no connection (${codeOf(failure)})`;
    return {
      name,
      state: "fail",
      evidence,
      next: `a firewall, a route or a wrong address: nc -vz ${to.host} ${to.port}; ip route`,
    };
  }
}

function behind(proxy: Proxy): Found {
  const evidence = `The way leads by the proxy ${hostPort(proxy)}: what the control plane shows is seen by the agent alone`;
  return { name: "control-plane/certificate", state: "unseen", evidence, next: "builder-agent reconnect" };
}

/** What it shows is judged here as the agent would, and nothing is said to it. */
async function certificate({ endpoint, serverName, caPem }: PlaneWay, signal: AbortSignal): Promise<Found> {
  const name = "control-plane/certificate";
  const expected = serverName ?? endpoint.host;
  const shown = formatHostPort(endpoint);
  const look = `openssl s_client -connect ${shown} -servername ${expected} -tls1_3 </dev/null`;
  using limit = new Deadline(HANDSHAKE_MS, signal);
  const socket = connect({
    ...{ host: endpoint.host, port: endpoint.port, ca: caPem, allowPartialTrustChain: true, rejectUnauthorized: false },
    // Told apart from the chain, below.
    checkServerIdentity: () => undefined,
    ...{ minVersion: "TLSv1.3", ALPNProtocols: ["h2"], ...(isIP(expected) === 0 && { servername: expected }) },
  });
  try {
    await shaken(socket, limit.signal);
    return { name, ...judged(socket, expected, Date.now(), look) };
  } catch (failure) {
    signal.throwIfAborted();
    const why = limit.hasExpired ? `no TLS answer within ${HANDSHAKE_MS / 1_000} s` : codeOf(failure);
    return {
      name,
      state: "fail",
      evidence: `${shown} does not speak TLS 1.3 with us (${why}): another service, or something between`,
      next: look,
    };
  } finally {
    socket.on("error", () => undefined).destroy();
  }
}

function shaken(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new Error("given up"));
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("secureConnect", resolve).once("error", reject).once("close", giveUp);
  });
}

function judged(socket: TLSSocket, expected: string, nowMs: number, look: string): Omit<Found, "name"> {
  const peer = socket.getPeerCertificate();
  const [fromMs, toMs] = [Date.parse(peer.valid_from), Date.parse(peer.valid_to)];
  const dates = `valid from ${rfc3339(fromMs)} until ${rfc3339(toMs)}`;
  const why = socket.authorized ? "" : String(socket.authorizationError);
  if (OUT_OF_DATE.test(why))
    return {
      state: "fail",
      evidence: `The control plane's certificate or its CA's and the clock do not agree (${why}): the certificate is ${dates}, and this machine's clock says ${new Date(nowMs).toUTCString()}`,
      next: "date -u; timedatectl; where the clock is right, the control plane's certificate is to be renewed",
    };
  if (why !== "")
    return {
      state: "fail",
      evidence: `Its certificate does not chain to controlPlane.caFile (${why}): ${namesOf(peer)}`,
      next: look,
    };
  const misnamed = checkServerIdentity(expected, peer);
  if (misnamed !== undefined)
    return {
      state: "fail",
      evidence: `Its certificate is for another name: ${misnamed.message}`,
      next: "correct controlPlane.serverName, or the certificate",
    };
  const soon = toMs - nowMs < LITTLE * (toMs - fromMs);
  return {
    state: soon ? "warn" : "ok",
    evidence: `${socket.getProtocol() ?? "TLS"}, for ${expected}, ${dates}`,
    ...(soon && { next: "see that the control plane's certificate is renewed" }),
  };
}

const OUT_OF_DATE = /EXPIRED|NOT_YET_VALID/;

function namesOf({ subjectaltname = "", issuer }: PeerCertificate): string {
  return `${subjectaltname || "no names"}, issued by ${[issuer.CN].flat().join(", ")}`;
}
