import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { afterEach, expect, it, vi } from "vitest";
import { type Fetch, jwksAt } from "../../verifier/src/index.ts";

afterEach(() => vi.useRealTimers());

/** A server, and what Node's own fetch makes of it. */
async function asked(listener: RequestListener): Promise<unknown> {
  let served = 0;
  await using server = createServer((request, response) => {
    served += 1;
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    return await jwksAt(`http://127.0.0.1:${port}/keys`, fetch)();
  } finally {
    expect(served).toBe(1);
    server.closeAllConnections();
  }
}

it("takes an answer of Node's own fetch", async () => {
  expect(await asked((_request, response) => response.end('{"keys":[]}'))).toEqual({ keys: [] });
});

it("follows no redirect, not even to the same server", async () => {
  const redirecting = asked((_request, response) => response.writeHead(302, { location: "/keys" }).end());
  await expect(redirecting).rejects.toMatchObject({ code: "platform-redirected" });
});

it("reads no more than 64 KiB", async () => {
  const endless = asked((_request, response) => {
    const more = () => {
      while (response.write("x".repeat(16_384)));
    };
    response.on("drain", more);
    more();
  });
  await expect(endless).rejects.toMatchObject({ code: "platform-refused" });
});

it("is not confused by a connection that breaks in the middle", async () => {
  const broken = asked((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write('{"keys":', () => response.destroy());
  });
  await expect(broken).rejects.toMatchObject({ code: "platform-unavailable" });
});

it.each<{ what: string; answer: (signal: AbortSignal) => ReturnType<Fetch> }>([
  { what: "does not answer", answer: () => new Promise(() => undefined) },
  { what: "never comes to an end", answer: () => Promise.resolve({ status: 200, body: silence() }) },
])("gives up after ten seconds on a server that $what, even if fetch does not heed its signal", async ({ answer }) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let signal: AbortSignal | undefined;
  const loading = jwksAt("https://keys.example/", (_url, init) => {
    signal = init.signal;
    return answer(init.signal);
  })();
  const ended = loading.catch((failure: unknown) => failure);
  await vi.advanceTimersByTimeAsync(9_999);
  expect(signal?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await ended).toMatchObject({ code: "platform-unavailable" });
  expect(signal?.aborted).toBe(true);
});

async function* silence(): AsyncGenerator<Uint8Array> {
  yield await new Promise<Uint8Array>(() => undefined);
}
