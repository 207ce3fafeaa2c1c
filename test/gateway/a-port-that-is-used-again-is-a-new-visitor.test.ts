import { once } from "node:events";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

it("and gets in, though the gateway hears of it before it hears that the earlier one has gone", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  // None that the kernel gives to whoever dials meanwhile.
  const localPort = await fixedPort();
  const rounds = 60;
  let served = 0;
  for (let round = 0; round < rounds; round += 1) {
    const earlier = connect({ host: "127.0.0.1", port: rig.port, localPort });
    earlier.on("error", () => undefined);
    await once(earlier, "connect");
    // Accepted, and its handshake begun.
    await new Promise(setImmediate);
    earlier.resetAndDestroy();
    const client = rig.connect(certificate, { localPort });
    if (!(await answers(client))) continue;
    served += 1;
    client.destroy();
    await rig.eventOf("closed", (event) => event.summary.sessionId.endsWith(`.${served}`));
  }
  expect(served).toBe(rounds);
});
