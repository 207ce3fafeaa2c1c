import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TempDir } from "../../sandbox/stack/temp-dir.ts";
import { bomOf } from "../../tools/image/bom/bom.mjs";
import { goComponents } from "../../tools/image/bom/go-components.mjs";
import { npmComponents } from "../../tools/image/bom/npm-components.mjs";
import { packageManifest } from "../../tools/image/bom/package-bom.mjs";
import { architectures } from "../../tools/image/deb/architecture.mjs";
import { inTree } from "../../tools/setup/tree.mjs";

const LOCK = {
  packages: {
    "": {
      version: "0.1.0",
      dependencies: { zod: "4.0.0", "@grpc/grpc-js": "1.14.0" },
      optionalDependencies: { "only-arm": "1.0.0", "only-mac": "1.0.0", "not-installed": "1.0.0" },
    },
    "node_modules/zod": { version: "4.0.0", license: "MIT", integrity: "sha512-AAEC" },
    "node_modules/@grpc/grpc-js": { version: "1.14.0", dependencies: { zod: "3.0.0", long: "5.0.0" } },
    "node_modules/long": { version: "5.0.0" },
    "node_modules/@grpc/grpc-js/node_modules/zod": { version: "3.0.0" },
    "node_modules/vitest": { version: "4.1.0", dev: true },
    "node_modules/jose": { version: "6.0.0" },
    verifier: { version: "0.1.0", dependencies: { jose: "6.0.0" } },
    "node_modules/only-arm": { version: "1.0.0", cpu: ["arm64"] },
    "node_modules/only-mac": { version: "1.0.0", os: ["darwin"] },
  },
};

const LISTING = [
  "/usr/lib/buildkitd: go1.26.8",
  "\tpath\tgithub.com/moby/buildkit/cmd/buildkitd",
  "\tmod\tbuilder-agent/tools/buildkit\t(devel)\t",
  "\tdep\tgithub.com/a/one\tv1.0.0\th1:abc=",
  "\tdep\tgithub.com/b/two\tv2.0.0",
  "\t=>\tgithub.com/fork/two\tv2.0.1\th1:def=",
  "\tbuild\t-trimpath=true",
].join("\n");

const subject = { type: "application", "bom-ref": "builder-agent", name: "builder-agent", version: "0.1.0" } as const;

it("lists the npm packages that run on this processor, and no others", () => {
  const found = npmComponents(LOCK, "x64");
  expect(found.map(({ purl }) => purl)).toEqual([
    "pkg:npm/zod@4.0.0",
    "pkg:npm/%40grpc/grpc-js@1.14.0",
    "pkg:npm/long@5.0.0",
    "pkg:npm/zod@3.0.0",
  ]);
  expect(found[0]).toMatchObject({
    licenses: [{ expression: "MIT" }],
    hashes: [{ alg: "SHA-512", content: "000102" }],
  });
  expect(npmComponents(LOCK, "arm64").map(({ name }) => name)).toContain("only-arm");
});

it("lists the Go modules that were compiled, a replacement instead of what it replaces, and the standard library", () => {
  expect(goComponents(LISTING).map(({ purl }) => purl)).toEqual([
    "pkg:golang/std@1.26.8",
    "pkg:golang/github.com/a/one@v1.0.0",
    "pkg:golang/github.com/fork/two@v2.0.1",
  ]);
});

it("is a CycloneDX document with all that one must have", () => {
  const bom = bomOf({ subject, components: npmComponents(LOCK, "x64"), epochSeconds: 1_700_000_000 });
  expect(bom).toMatchObject({ bomFormat: "CycloneDX", specVersion: "1.5", version: 1 });
  // The pattern of the specification's schema.
  expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(bom.metadata).toEqual({ timestamp: "2023-11-14T22:13:20.000Z", component: subject });
  for (const component of bom.components) {
    expect(component.type).toMatch(/^(application|library|operating-system)$/);
    expect(component.name).not.toBe("");
    expect(component.version).not.toBe("");
  }
});

it("names nothing twice, and is the same for the same content", () => {
  const components = [...goComponents(LISTING), ...goComponents(LISTING)];
  const bom = bomOf({ subject, components, epochSeconds: 0 });
  expect(bom.components).toHaveLength(3);
  expect(bomOf({ subject, components: components.toReversed(), epochSeconds: 0 })).toEqual(bom);
  expect(bomOf({ subject, components: components.slice(0, 2), epochSeconds: 0 }).serialNumber).not.toBe(
    bom.serialNumber,
  );
});

it("has every package that the agent depends on", async () => {
  const lock = JSON.parse(await readFile(inTree("package-lock.json"), "utf8")) as typeof LOCK;
  const manifest = JSON.parse(await readFile(inTree("package.json"), "utf8")) as { dependencies: object };
  const names = npmComponents(lock, "x64").map(({ name }) => name);
  for (const name of Object.keys(manifest.dependencies)) expect(names).toContain(name);
  for (const name of ["vitest", "jose", "@builder-agent/verifier"]) expect(names).not.toContain(name);
});

it("has a manifest that tells each program's version, place and digest", async () => {
  await using dir = await TempDir.make("/tmp/manifest-");
  const source = join(dir.path, "buildkitd");
  await writeFile(source, "program");
  const programs = [{ name: "buildkitd", source, version: "0.33.1", place: "usr/lib/builder-agent/bin/buildkitd" }];
  expect(packageManifest({ version: "0.1.0", architecture: architectures.amd64, programs })).toEqual({
    schemaVersion: 1,
    agent: "0.1.0",
    architecture: "amd64",
    programs: {
      buildkitd: {
        version: "0.33.1",
        path: "/usr/lib/builder-agent/bin/buildkitd",
        sha256: createHash("sha256").update("program").digest("hex"),
      },
    },
  });
});
