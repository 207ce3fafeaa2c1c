import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { digestsOf } from "../../agent/adapters/bundle/secret-digests.ts";
import type { ConfigOrProblem } from "../../agent/cli/bundle/places.ts";
import { searchedSecrets } from "../../agent/cli/bundle/secrets.ts";
import { layoutOf } from "../../agent/cli/layout.ts";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";

it("a bundle is searched for each header's value, and for the token in it alone", async () => {
  await using folder = await TempDir.make(join(tmpdir(), "headers-"));
  const headersFile = join(folder.path, "headers");
  await writeFile(headersFile, "Authorization: Bearer canary-of-one-header\nX-Key: canary-of-another\n");
  const config = {
    config: {
      identity: { kind: "join-token", tokenFile: join(folder.path, "none") },
      tailnet: {},
      telemetry: { headersFile },
    },
    sources: new Map(),
  } as unknown as ConfigOrProblem;
  const layout = layoutOf({ stateDir: folder.path, runtimeDir: folder.path, cacheDir: folder.path });
  const { secrets, unsearchable } = await searchedSecrets({ layout, config, args: [], environment: {} });
  expect(unsearchable).toBeUndefined();
  const [own] = secrets;
  for (const secret of ["Bearer canary-of-one-header", "canary-of-one-header", "canary-of-another"]) {
    expect(own?.digests).toEqual(expect.arrayContaining([...digestsOf(secret, own?.key ?? Buffer.alloc(0))]));
  }
  expect(own?.digests).not.toEqual(
    expect.arrayContaining([...digestsOf("canary-of-nobody", own?.key ?? Buffer.alloc(0))]),
  );
});
