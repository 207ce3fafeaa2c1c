import { createHash, X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { nodePeerReader } from "../../agent/adapters/x509/peer-reader.ts";
import type { ClientFlight } from "../../agent/ports/peer-reader.ts";
import { Rig, uriOf } from "./rig.ts";
import { answers } from "./visit.ts";

/** As Node 24 is: it tells only the leaf. What the client sent is kept. */
function readerThatMustAsk() {
  const real = nodePeerReader();
  const flights: ClientFlight[] = [];
  const peers = {
    ...real,
    anchor: (...[chain, cas]: Parameters<typeof real.anchor>) =>
      flights.length === 0 ? undefined : real.anchor(chain, cas),
    sent: (flight: ClientFlight) => {
      flights.push(flight);
      return real.sent(flight);
    },
  };
  return { peers, flights };
}

function digests(chain: readonly Uint8Array[] | undefined): readonly string[] | undefined {
  return chain?.map((der) => createHash("sha256").update(der).digest("hex"));
}

it.each(["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])(
  "with %s, on every Node",
  async (ciphers) => {
    const { peers, flights } = readerThatMustAsk();
    await using rig = await Rig.start({ peers });
    const first = await rig.ca.intermediate({ name: "first" });
    const second = await first.intermediate({ name: "second" });
    const { chainPem, keyPem } = await second.issue({ uriSans: [uriOf("b1")] });
    await rig.open();
    expect(await answers(rig.connect({ chainPem, keyPem }, { ciphers }))).toBe(true);
    const sent = chainPem.match(/-----BEGIN[^]+?END CERTIFICATE-----/g)?.map((pem) => new X509Certificate(pem).raw);
    expect(sent).toHaveLength(3);
    const [flight] = flights;
    if (flight === undefined) throw new Error("nobody asked");
    expect(digests(nodePeerReader().sent(flight))).toEqual(digests(sent));

    const cut = { ...flight, records: flight.records.subarray(0, 400) };
    const changed = { ...flight, records: flight.records.map((byte, at) => (at === 300 ? byte ^ 1 : byte)) };
    for (const useless of [cut, changed, { ...flight, suite: "another" }, { ...flight, secret: Buffer.alloc(32) }])
      expect(nodePeerReader().sent(useless)).toBeUndefined();
  },
);
