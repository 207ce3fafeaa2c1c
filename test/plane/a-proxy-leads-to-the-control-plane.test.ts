import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { beforeAll, describe, expect, it } from "vitest";
import { planeProxy } from "../../agent/cli/plane-proxy.ts";
import { isExcepted, parseProxy } from "../../agent/core/proxy.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { dial, FOREVER } from "./member.ts";

/** Leads CONNECT to wherever it is told, whatever host was asked for. */
class ConnectProxy implements AsyncDisposable {
  readonly asked: { readonly target: string; readonly credentials: string | undefined }[] = [];
  /** What went through towards the far end. */
  readonly seen: Buffer[] = [];
  refusal: number | undefined;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  static async listen(port: number): Promise<ConnectProxy> {
    const proxy = new ConnectProxy();
    proxy.#server.on("connect", ({ url = "", headers }, client: Socket) => {
      proxy.asked.push({ target: url, credentials: headers["proxy-authorization"] });
      if (proxy.refusal !== undefined) {
        client.end(`HTTP/1.1 ${proxy.refusal} No\r\n\r\n`);
        return;
      }
      const far = connect(port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
      for (const socket of [client, far]) proxy.#sockets.add(socket.on("error", () => undefined));
      client.on("data", (bytes) => proxy.seen.push(bytes));
      client.pipe(far).pipe(client);
    });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

describe("a control plane behind a proxy", () => {
  let plane: EmbeddedControlPlane;
  let proxy: ConnectProxy;
  beforeAll(async () => {
    plane = await EmbeddedControlPlane.listen();
    proxy = await ConnectProxy.listen(plane.transport.port);
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await plane[Symbol.asyncDispose]();
    };
  });

  const far = () => ({ endpoint: "control.example:443", caPem: plane.caPem, serverName: plane.serverName });
  const through = () => {
    const found = parseProxy(`http://user:pass%20word@127.0.0.1:${proxy.port}`);
    if (found === undefined) throw new Error("no proxy");
    return found;
  };

  it("is reached by CONNECT, with TLS from end to end", async () => {
    await using client = dial(far(), { proxy: through() });
    expect((await client.getChallenge(FOREVER)).nonce.length).toBeGreaterThanOrEqual(16);
    expect(proxy.asked).toEqual([
      { target: "control.example:443", credentials: `Basic ${Buffer.from("user:pass word").toString("base64")}` },
    ]);
    // A TLS handshake's first record, and no word of HTTP/2 in the clear.
    expect(proxy.seen[0]?.[0]).toBe(0x16);
    expect(Buffer.concat(proxy.seen).includes("PRI * HTTP/2.0")).toBe(false);
  });

  it("is believed only under its own name and CA, whatever the proxy leads to", async () => {
    await using client = dial({ ...far(), serverName: "another.example" }, { proxy: through() });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      message: expect.stringContaining("another.example") as string,
    });
  });

  it("fails, to be tried again, where the proxy refuses, and the error names the proxy", async () => {
    proxy.refusal = 403;
    await using client = dial(far(), { proxy: through() });
    await expect(client.getChallenge(FOREVER)).rejects.toMatchObject({
      status: "UNAVAILABLE",
      step: "retry",
      message: expect.stringContaining(`by way of the proxy 127.0.0.1:${proxy.port}`) as string,
    });
    proxy.refusal = undefined;
  });
});

describe("which proxy is asked", () => {
  const endpoint = { host: "control.example.com", port: 443 };
  const caFile = "/ca.pem";
  const named = (proxy: string | undefined, environment: Record<string, string>, at = endpoint): string | undefined => {
    const found = planeProxy({ endpoint: at, caFile, ...(proxy !== undefined && { proxy }) }, environment);
    return found && `${found.host}:${found.port}`;
  };

  it.each([
    { what: "nothing is set", proxy: undefined, environment: {}, asked: undefined },
    { what: "the usual variable", proxy: undefined, environment: { HTTPS_PROXY: "http://p:3128" }, asked: "p:3128" },
    {
      what: "both spellings: the small one",
      proxy: undefined,
      environment: { HTTPS_PROXY: "http://big", https_proxy: "small:1" },
      asked: "small:1",
    },
    { what: "an empty one", proxy: undefined, environment: { https_proxy: "" }, asked: undefined },
    { what: "plain HTTP's", proxy: undefined, environment: { http_proxy: "http://p" }, asked: undefined },
    {
      what: "an exception",
      proxy: undefined,
      environment: { https_proxy: "p", NO_PROXY: "a, .example.com" },
      asked: undefined,
    },
    {
      what: "the configuration, above all that",
      proxy: "http://own:8080",
      environment: { https_proxy: "p", no_proxy: "*" },
      asked: "own:8080",
    },
    { what: "none", proxy: "none", environment: { https_proxy: "p" }, asked: undefined },
  ])("$what → $asked", ({ proxy, environment, asked }) => {
    expect(named(proxy, environment)).toBe(asked);
  });

  it("refuses a variable that names none that can be asked, and shows no password", () => {
    expect(() => named(undefined, { https_proxy: "socks5://user:secret@p:1" })).toThrow(
      expect.objectContaining({
        code: "config.invalid",
        message: expect.not.stringContaining("secret") as string,
      }) as Error,
    );
  });

  it.each([
    { host: "a.example", noProxy: "example", is: true },
    { host: "example", noProxy: "example", is: true },
    { host: "badexample", noProxy: "example", is: false },
    { host: "a.example", noProxy: "*.example", is: true },
    { host: "a.example", noProxy: "a.example:443", is: true },
    { host: "a.example", noProxy: "a.example:8443", is: false },
    { host: "10.1.2.3", noProxy: "10.0.0.0/8", is: true },
    { host: "2001:db8::1", noProxy: "2001:db8::1", is: true },
    { host: "2001:db8::1", noProxy: "[2001:db8::1]:443", is: true },
    { host: "10.1.2.3", noProxy: "a, *", is: true },
    { host: "a.example", noProxy: "", is: false },
    { host: "127.0.0.5", noProxy: "", is: true },
    { host: "localhost", noProxy: "", is: true },
  ])("$host is excepted by $noProxy: $is", ({ host, noProxy, is }) => {
    expect(isExcepted({ host, port: 443 }, noProxy)).toBe(is);
  });
});
