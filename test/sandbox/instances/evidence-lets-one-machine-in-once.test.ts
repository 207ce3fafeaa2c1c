import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import { keeperIn } from "../../../sandbox/control-plane/kept/on-disk.ts";
import { KeyPair } from "../../../sandbox/pki/key-pair.ts";
import { NOW_MS } from "../../verifier/authorities/clock.ts";
import { Issuer } from "../../verifier/authorities/issuer.ts";
import { documents, instanceIdentity, platforms } from "../../verifier/platforms.ts";
import { APP, joinRequest, PlainAgent } from "../plain-agent.ts";
import { type Attest, answers, claim, TAKES_ALL } from "./claimant.ts";

const TIMES = 50;
const ofFifty = <T>(make: (at: number) => T): readonly T[] => Array.from({ length: TIMES }, (_, at) => make(at));

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "instances-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** At the time of the platforms' certificates. It goes on from what it kept. */
function listen(): Promise<EmbeddedControlPlane> {
  return EmbeddedControlPlane.listen({ ...TAKES_ALL, clockOffsetMs: NOW_MS - Date.now() }, keeperIn(dir));
}

const file = new Issuer("https://files.example", "file-1", "ES256");
const fromFile: Attest = ({ audience }) => {
  const iat = Math.floor(NOW_MS / 1_000);
  return { kind: "oidc", jwt: file.token({ iss: file.name, aud: audience, sub: "machine-7", iat, exp: iat + 3_600 }) };
};
const trustFiles = (plane: EmbeddedControlPlane): void =>
  plane.trustIssuer({ issuer: file.name, jwks: file.jwks, subjects: { "machine-7": APP } });

const kinds = [
  ...platforms.map(({ name, attest }): { name: string; attest: Attest } => ({
    name,
    attest: (binding) => attest(binding, NOW_MS),
  })),
  { name: "a token from a file", attest: fromFile },
];

it.each(kinds)("takes $name once of fifty times together, and not again after a restart", async ({ attest }) => {
  let replayed: Awaited<ReturnType<typeof claim>>;
  {
    await using plane = await listen();
    trustFiles(plane);
    replayed = await claim(plane, attest, await KeyPair.generate());
    using agent = new PlainAgent(plane);
    expect(await answers(ofFifty(() => agent.register(replayed)))).toEqual({
      OK: 1,
      "UNAUTHENTICATED nonce-used": TIMES - 1,
    });
    expect(plane.machines()).toHaveLength(1);
  }
  await using plane = await listen();
  trustFiles(plane);
  using agent = new PlainAgent(plane);
  expect(await answers(ofFifty(() => agent.register(replayed)))).toEqual({ "UNAUTHENTICATED nonce-unknown": TIMES });
  expect(plane.machines()).toHaveLength(1);
});

it("takes a join token once of fifty times together, and not again after a restart", async () => {
  let token = "";
  const claims = async (plane: EmbeddedControlPlane) => {
    using agent = new PlainAgent(plane);
    const requests = await Promise.all(ofFifty(() => joinRequest(agent, token)));
    return await answers(requests.map(({ request }) => agent.register(request)));
  };
  const spent = "UNAUTHENTICATED attestation.join_token.token";
  {
    await using plane = await listen();
    token = plane.issueJoinToken(APP);
    expect(await claims(plane)).toEqual({ OK: 1, [spent]: TIMES - 1 });
  }
  await using plane = await listen();
  expect(await claims(plane)).toEqual({ [spent]: TIMES });
});

/** Every one with a challenge of its own. */
async function claimAll(plane: EmbeddedControlPlane, attest: Attest, keyOf: (at: number) => KeyPair) {
  using agent = new PlainAgent(plane);
  const requests = await Promise.all(ofFifty((at) => claim(plane, attest, keyOf(at))));
  return await answers(requests.map((request) => agent.register(request)));
}

it("takes a token from a file once, whoever brings it to which challenge, also after a restart", async () => {
  const keys = await Promise.all(ofFifty(() => KeyPair.generate()));
  const keyOf = (at: number): KeyPair => keys[at] as KeyPair;
  let token: Awaited<ReturnType<Attest>> | undefined;
  const stolen: Attest = async (binding) => (token ??= await fromFile(binding));
  {
    await using plane = await listen();
    trustFiles(plane);
    const { OK, ...refused } = await claimAll(plane, stolen, keyOf);
    expect({ OK, refused }).toEqual({ OK: 1, refused: { "UNAUTHENTICATED token-used": TIMES - 1 } });
  }
  await using plane = await listen();
  trustFiles(plane);
  expect(await claimAll(plane, stolen, keyOf)).toEqual({ "UNAUTHENTICATED token-used": TIMES });
});

it.each(platforms.filter(({ instance }) => instance !== undefined).map(({ name, attest }) => ({ name, attest })))(
  "lets one of fifty machines in that come as the same instance by $name, and knows it after a restart",
  async ({ attest }) => {
    const keys = await Promise.all(ofFifty(() => KeyPair.generate()));
    const keyOf = (at: number): KeyPair => keys[at] as KeyPair;
    const evidence: Attest = (binding) => attest(binding, NOW_MS);
    const occupied = "ALREADY_EXISTS instance-already-registered";
    let id: string | undefined;
    {
      await using plane = await listen();
      expect(await claimAll(plane, evidence, keyOf)).toEqual({ OK: 1, [occupied]: TIMES - 1 });
      id = plane.machines()[0]?.id;
    }
    await using plane = await listen();
    expect(await claimAll(plane, evidence, keyOf)).toEqual({ OK: 1, [occupied]: TIMES - 1 });
    expect(plane.machines().map((machine) => machine.id)).toEqual([id]);
  },
);

it("keeps the first key of an instance whose document is bound to none, until an operator forgets it", async () => {
  const HOUR_MS = 3_600_000;
  const at = (ms: number) =>
    EmbeddedControlPlane.listen({ ...TAKES_ALL, leaseMs: 1, clockOffsetMs: ms - Date.now() }, keeperIn(dir));
  const document: Attest = () => instanceIdentity(documents.aws(NOW_MS));
  const [key, other] = [await KeyPair.generate(), await KeyPair.generate()];
  const join = async (plane: EmbeddedControlPlane, by: KeyPair) => {
    using agent = new PlainAgent(plane);
    return await answers([agent.register(await claim(plane, document, by))]);
  };
  {
    await using plane = await at(NOW_MS);
    expect(await join(plane, key)).toEqual({ OK: 1 });
  }
  await using plane = await at(NOW_MS + HOUR_MS);
  expect(await join(plane, key)).toEqual({ OK: 1 });
  expect(await join(plane, other)).toEqual({ "ALREADY_EXISTS instance-already-registered": 1 });
  plane.forgetMachine(plane.machines()[0]?.id ?? "");
  // It started too long ago for a first registration.
  expect(await join(plane, other)).toEqual({ "UNAUTHENTICATED expired": 1 });
});
