import type * as Files from "node:fs/promises";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it, vi } from "vitest";
import { removeFile, replaceFile } from "../../agent/files/whole-file.ts";

const asked: string[] = [];

/** The real calls, noted in their order. */
vi.mock("node:fs/promises", async (importOriginal) => {
  const real = await importOriginal<typeof Files>();
  const noted = (handle: Files.FileHandle, name: string): Files.FileHandle =>
    new Proxy(handle, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (key === "writeFile" || key === "sync") asked.push(`${key} ${name}`);
        return value.bind(target) as unknown;
      },
    });
  return {
    ...real,
    open: async (path: string, flags: string, mode?: number) =>
      noted(await real.open(path, flags, mode), basename(path).replace(/^whole-file-.*/, "folder")),
    rename: async (from: string, to: string) => {
      asked.push(`rename ${basename(from)} ${basename(to)}`);
      await real.rename(from, to);
    },
  };
});

it("bytes are on disk before they have the name, and the name is before anybody goes on", async () => {
  const folder = await mkdtemp(join(tmpdir(), "whole-file-"));
  try {
    await replaceFile(join(folder, "state"), "new");
    expect(asked.splice(0)).toEqual(["writeFile state.new", "sync state.new", "rename state.new state", "sync folder"]);
    await removeFile(join(folder, "state"));
    expect(asked.splice(0)).toEqual(["sync folder"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
