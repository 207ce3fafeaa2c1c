import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { askedMetadata } from "../../agent/adapters/evidence/metadata/asked-metadata.ts";
import { candidates } from "../../agent/adapters/notices/platforms.ts";
import type { PlatformName } from "../../agent/core/notices/notice.ts";
import type { NoticeLine } from "../../agent/ports/notices.ts";

/** A metadata service of every platform, which says at a path's end what it is told to. */
export class SayingServer implements AsyncDisposable {
  readonly asked: { readonly path: string; readonly query: URLSearchParams; readonly headers: IncomingHttpHeaders }[] =
    [];
  /** By the end of a path; what is not here is not there (404). */
  readonly says = new Map<string, string | { readonly text: string; readonly headers: Record<string, string> }>();
  readonly #server = createServer(({ url = "/", headers }, response) => {
    const { pathname: path, searchParams: query } = new URL(url, "http://localhost");
    this.asked.push({ path, query, headers });
    const [, said] = [...this.says].find(([end]) => path.endsWith(end)) ?? [];
    const { text, headers: more } = typeof said === "object" ? said : { text: said, headers: {} };
    response.setHeader("metadata-flavor", "Google");
    for (const [name, value] of Object.entries(more)) response.setHeader(name, value);
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });

  static async listen(): Promise<SayingServer> {
    const server = new SayingServer();
    server.says.set("/latest/api/token", "token").set("/instance/compute", JSON.stringify({ name: "builder-1" }));
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get places() {
    // It listens on an address and a port.
    const url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return { awsMetadataUrl: url, gcpMetadataUrl: url, azureMetadataUrl: url };
  }

  platform(name: PlatformName) {
    return candidates(askedMetadata, this.places)[name];
  }

  line(name: PlatformName, of: string): NoticeLine {
    const line = this.platform(name).lines.find((one) => one.name === of);
    if (line === undefined) throw new Error(`${name} has no line ${of}`);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
