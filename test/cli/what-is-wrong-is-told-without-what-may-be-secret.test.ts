import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KEYS } from "../../agent/cli/config/keys.ts";
import { AgentError, inWords } from "../../agent/core/errors.ts";
import { Secret } from "../../agent/core/secret.ts";
import { shownAddress, shownWords } from "../../agent/core/shown-words.ts";
import { runCli } from "./recorded-cli.ts";

const CANARY = "kanarie-0815";

/** Where people put a secret into an address, rightly or not. */
const ADDRESSES = [
  `http://bob:${CANARY}@host:1`,
  `http://bob:${CANARY}/x@host:1`,
  `http://bob:a/${CANARY}@host:1`,
  `http://bob:a@${CANARY}@host:1`,
  `http://bob:${CANARY}`,
  `https://host/x?token=${CANARY}`,
  `https://host/x?mail=a@b&token=${CANARY}`,
  `https://bob:${CANARY}@host/x?token=${CANARY}`,
  `https://host/x#${CANARY}`,
  `bob:${CANARY}@host:1`,
] as const;

it.each([
  ["http://proxy.example:3128", "http://proxy.example:3128"],
  ["https://[2001:db8::1]:443/v1", "https://[2001:db8::1]:443/v1"],
  ["http://bob:pw@proxy.example:3128", "http://…@proxy.example:3128"],
  ["http://bob:p/w@proxy.example:3128/x?y=z", "http://…@proxy.example:3128/x?…"],
  ["http://bob:pw", "http://…"],
  ["https://host/x?mail=a@b", "https://…"],
  ["control.example:443", "control.example:443"],
])("of the address %s is shown %s", (address, shown) => {
  expect(shownAddress(address)).toBe(shown);
});

it("in words that quote others, addresses lose their secrets, and secrets that are held are taken out", () => {
  const key = new Secret(`${CANARY}/"é`);
  const words = `Get "http://bob:pw@host/x?a=b": no (${key.reveal()} ${encodeURIComponent(key.reveal())})`;
  const shown = 'Get "http://…@host/x?…": no ([secret] [secret])';
  expect(shownWords(words)).toBe(shown);
  expect(inWords(new AgentError("a.b", words, { retryable: false }))).toBe(shown);
});

describe("whatever is wrong with an address in the configuration", () => {
  const keys = KEYS.filter(({ type, sensitive }) => type === "text" && !sensitive);

  it.each(keys)("$path tells so without its secrets: by flag, by variable, in the file", async (key) => {
    const dir = await mkdtemp(join(tmpdir(), "told-"));
    const file = join(dir, "config.toml");
    for (const address of ADDRESSES) {
      await writeFile(file, `[${key.section}]\n${key.name} = ${JSON.stringify(address)}\n`);
      const told = await Promise.all([
        runCli(["config", "show", key.flag, address]),
        runCli(["config", "show", "--json"], { [key.variable]: address }),
        runCli(["config", "check", "--config", file]),
      ]);
      for (const { out, err } of told) {
        // Without a scheme it is as good a name as another; and one key takes a query.
        const mayPass = !address.includes("//") || key.name === "oidcUrl";
        expect([address, mayPass || (out + err).includes(key.path)]).toEqual([address, true]);
        expect(out + err).not.toContain(CANARY);
      }
    }
    await rm(dir, { recursive: true });
  });

  it.each([
    ...[`token = "${CANARY}" x`, `key = ${CANARY}`, `${CANARY} = = 1`, `[${CANARY}`, `secret = '${CANARY}`],
    ...[`x = "\\q${CANARY}"`, `identity.kind = "${CANARY}"\nidentity.kind = 1`, `"https://bob:${CANARY}@host" = 1`],
  ])("a line that is broken is told by its number alone: %s", async (line) => {
    const dir = await mkdtemp(join(tmpdir(), "told-"));
    const file = join(dir, "config.toml");
    await writeFile(file, `${line}\n`);
    for (const command of [["config", "check"], ["status"], ["control"]]) {
      const { out, err } = await runCli([...command, "--config", file]);
      expect(out + err).toContain(file);
      expect(out + err).not.toContain(CANARY);
    }
    await rm(dir, { recursive: true });
  });
});

it.each([`--password=${CANARY}`, `--identity-token=${CANARY}`, `http://bob:${CANARY}@host`])(
  "a command line that is not understood is told without what was given: %s",
  async (word) => {
    for (const argv of [[word], ["status", word], ["run", word], ["config", word], ["help", word]]) {
      const { code, err } = await runCli(argv);
      expect(code).not.toBe(0);
      expect(err).not.toContain(CANARY);
    }
  },
);

it("what is right of an address is shown without what may be secret in it", async () => {
  const address = `https://issuer.example/token?access_token=${CANARY}`;
  const identity = ["--identity-kind", "oidc-url", "--identity-oidc-url", address];
  const place = ["--control-plane-endpoint", "plane.example:443", "--control-plane-ca-file", "/etc/ca.pem"];
  const { code, out } = await runCli(["config", "show", ...place, ...identity]);
  expect({ code, out }).toMatchObject({
    code: 0,
    out: expect.stringContaining("https://issuer.example/token?…") as string,
  });
  expect(out).not.toContain(CANARY);
});
