import { once } from "node:events";
import {
  createSecureServer,
  type Http2SecureServer,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";

/** What it does with each request. */
export type Answer = (stream: ServerHttp2Stream) => void;

/** An answer in one frame of headers, as gRPC has it when there is no message. */
export function trailersOnly(headers: OutgoingHttpHeaders): Answer {
  return (stream) =>
    stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { endStream: true });
}

/** A page for people, as load balancers send it. */
export function page(status: number): Answer {
  return (stream) => {
    stream.respond({ ":status": status, "content-type": "text/html" });
    stream.end(`<html><body><h1>${status}</h1></body></html>`);
  };
}

/** What it shows of itself, and by whom that is believed. */
export interface Shown {
  readonly certPem: string;
  readonly keyPem: string;
  readonly caPem: string;
}

async function bareCertificate(): Promise<Shown> {
  const authority = await CertificateAuthority.create({ name: "bare" });
  const own = await authority.issue({ dnsSans: ["bare.example"], extendedKeyUsage: [SERVER_AUTH] });
  return { certPem: own.chainPem, keyPem: own.keyPem, caPem: authority.certPem };
}

/**
 * A proxy or load balancer before the control plane, under a certificate that the agent believes,
 * which answers by itself.
 */
export class Intermediary implements AsyncDisposable {
  readonly serverName = "bare.example";
  readonly caPem: string;
  readonly endpoint: string;
  readonly #server: Http2SecureServer;
  readonly #sessions: ReadonlySet<ServerHttp2Session>;

  private constructor(server: Http2SecureServer, sessions: ReadonlySet<ServerHttp2Session>, caPem: string) {
    this.#server = server;
    this.#sessions = sessions;
    this.caPem = caPem;
    // Listening on TCP: an address with a port.
    this.endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param own whose certificate it shows; default: one of its own, for `serverName`. */
  static async listen(answer: Answer, own?: Shown): Promise<Intermediary> {
    const { certPem, keyPem, caPem } = own ?? (await bareCertificate());
    const server = createSecureServer({ key: keyPem, cert: certPem, minVersion: "TLSv1.3" });
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
    });
    server.on("stream", (stream: ServerHttp2Stream) => {
      // The agent hangs up when it has heard enough.
      stream.on("error", () => undefined);
      stream.resume();
      answer(stream);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Intermediary(server, sessions, caPem);
  }

  /** Of this machine's loopback. */
  get port(): number {
    return Number(this.endpoint.split(":").at(-1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}
