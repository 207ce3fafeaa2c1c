import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { inTree } from "../../sandbox/stack/tree.ts";
import { needsStage } from "../journeys/stage/whether.ts";
import { paste } from "./pasted.ts";
import { RealSandbox } from "./real-sandbox.ts";

needsStage();

const BLOCK = /<!-- certificates:begin -->\n([^]*?)<!-- certificates:end -->/;

it("each certificate of a running sandbox is shown by the command that the page has for it", async () => {
  await using up = await RealSandbox.start();
  await up.ready();
  const [, block = ""] = BLOCK.exec(await readFile(inTree("docs/operations.md"), "utf8")) ?? [];
  const lines = block.split("\n").map((line) => line.slice(4));
  const { exitCode, stdout, stderr } = await paste(
    "bash",
    lines.join("\n").replace("DIR=/tmp/builder", `DIR=${up.dir}`),
  );
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const shown = stdout.split(/^(?=subject=)/m).map((text) => ({
    issuer: /^issuer=CN = (.*)$/m.exec(text)?.[1],
    names: /Subject Alternative Name: *\n *(.*)/.exec(text)?.[1],
    usage: /Extended Key Usage: *\n *(.*)/.exec(text)?.[1],
  }));
  const build = "spiffe://builds\\.sandbox\\.internal/org/acme/project/app/build/b-\\w+";
  expect(shown).toEqual([
    {
      issuer: "Sandbox CA of the control plane",
      names: expect.stringMatching(/^DNS:control-plane\.sandbox\.internal, /) as string,
      usage: "TLS Web Server Authentication",
    },
    {
      issuer: "Sandbox CA of machines",
      names: expect.stringMatching(/^URI:spiffe:\/\/builds\.sandbox\.internal\/machine\/m-\w+$/) as string,
      usage: "TLS Web Client Authentication",
    },
    {
      issuer: "Sandbox CA of builders",
      names: expect.stringMatching(/^DNS:m-\w+\.builders\.sandbox\.internal$/) as string,
      usage: "TLS Web Server Authentication",
    },
    {
      issuer: "Sandbox CA of builds",
      names: expect.stringMatching(new RegExp(`^URI:${build}$`)) as string,
      usage: "TLS Web Client Authentication",
    },
    { issuer: "Sandbox CA of the control plane", names: undefined, usage: undefined },
    { issuer: "Sandbox CA of builders", names: undefined, usage: undefined },
  ]);
});
