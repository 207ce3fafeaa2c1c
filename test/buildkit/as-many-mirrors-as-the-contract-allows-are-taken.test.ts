import { it } from "vitest";
import { CONTRACT_LIMITS } from "../../agent/core/contract-limits.ts";
import { RealBuildkit, whyNoBuildkit } from "./real-buildkit.ts";

it("a real buildkitd takes as many registries and mirrors as the contract allows", async ({ skip }) => {
  const why = whyNoBuildkit();
  if (why !== undefined) skip(why);
  const { registries, mirrorsPerRegistry, hostCharacters } = CONTRACT_LIMITS;
  const host = (at: number): string => `${at}.example`.padStart(hostCharacters, "h");
  const mirrors = Array.from({ length: mirrorsPerRegistry }, (_, at) => host(at));
  const registryMirrors = new Map(Array.from({ length: registries }, (_, at) => [host(at), mirrors] as const));
  await using bench = await RealBuildkit.make();
  await bench.unit.configure(bench.toml({ registryMirrors }), new AbortController().signal);
  await bench.unit.start(new AbortController().signal);
  await bench.probeUntilAnswer();
});
