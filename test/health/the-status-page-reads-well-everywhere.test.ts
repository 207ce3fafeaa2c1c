import { describe, expect, it } from "vitest";
import { PAGE_STYLE } from "../../agent/adapters/health/page-style.ts";
import { statusPage } from "../../agent/adapters/health/status-page.ts";
import { DRAINING, NOW_MS, READY, TROUBLED } from "./states.ts";

const STATES = { ready: READY, troubled: TROUBLED, draining: DRAINING };
const page = (state: Parameters<typeof statusPage>[0]): string => statusPage(state, NOW_MS).body;
const textOf = (markup: string): string => markup.replaceAll(/<style>.*?<\/style>|<[^>]*>/gs, "");

it("shows causes that keep builds away first, then warnings, then what they explain, then what is well", () => {
  const names = [...page(TROUBLED).matchAll(/class="name">([^<]*)</g)].map(([, name]) => name);
  expect(names).toEqual(["buildkit", "control-plane", "clock", "serving-certificate", "gateway"]);
  expect(page(TROUBLED)).toContain("Look at its log");
});

it("says when in relation to now, and exactly to whoever points at it", () => {
  const text = textOf(page(TROUBLED));
  expect(text).toContain("Nothing heard from cp.example:443 for 1 min 37 s; refused in 3 min");
  expect(text).toContain("buildkitd ended: killed by SIGKILL; broken: build-3 and 2 more");
  expect(page(TROUBLED)).toContain('title="03:02:28 UTC">for 1 min 37 s</time>');
  expect(text).not.toMatch(/\d{4}-\d\d-\d\dT/);
  for (const [time] of page(TROUBLED).matchAll(/<time[^>]*>/g))
    expect(time).toMatch(/ datetime="[^"]+Z" title="[^"]+ UTC"/);
});

it("says all sizes alike", () => {
  expect(
    textOf(page(READY))
      .match(/\d (?:KiB|MiB|GiB|GB|MB)/g)
      ?.every((size) => size.endsWith("GiB")),
  ).toBe(true);
});

describe.each(Object.entries(STATES))("a machine that is %s", (_name, state) => {
  it("has what a screen reader goes by: a language, a title, one main, headings in order, names for what has no words", () => {
    const markup = page(state);
    expect(markup).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(markup).toMatch(/<title>[^<]+<\/title>/);
    expect(markup.match(/<main>/g)).toHaveLength(1);
    const levels = [...markup.matchAll(/<h([1-6])>/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    expect(levels.slice(1).every((level) => level === 2)).toBe(true);
    for (const [bar] of markup.matchAll(/<progress[^>]*>/g)) expect(bar).toContain("aria-label=");
    for (const [list] of markup.matchAll(/<(?:ul|ol)\b[^>]*>.*?<\/(?:ul|ol)>/gs))
      expect(list).toMatch(/role="list"><li>/);
    expect(markup).not.toMatch(/maximum-scale|user-scalable|tabindex|<script|\sid="/);
  });

  it("is well-formed: what is opened is closed, in order", () => {
    const open: string[] = [];
    const markup = page(state).replace(/<style>.*?<\/style>/s, "");
    for (const [, end, tag = ""] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
      if (tag === "meta") continue;
      if (end === "") open.push(tag);
      else if (open.at(-1) === tag) open.pop();
      else open.push(`/${tag}`);
    }
    expect(open).toEqual([]);
  });
});

describe("its colours", () => {
  const light = /:root \{([^}]*)\}/.exec(PAGE_STYLE)?.[1] ?? "";
  const dark = /prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}/.exec(PAGE_STYLE)?.[1] ?? "";
  const colour = (scheme: string, name: string): string =>
    new RegExp(`--${name}: (#[0-9a-f]+)`).exec(scheme)?.[1] ?? "";

  it.each(
    ["text", "muted", "ok", "bad", "warn"].flatMap((ink) =>
      ["card", "page"].flatMap((paper) => [
        { scheme: "light", of: light, ink, paper },
        { scheme: "dark", of: dark, ink, paper },
      ]),
    ),
  )("can be read: $ink on $paper, $scheme (WCAG 2 AA, 4.5:1)", ({ of, ink, paper }) => {
    expect(contrast(colour(of, ink), colour(of, paper))).toBeGreaterThanOrEqual(4.5);
  });
});

it("stacks what stands side by side where the screen is under 40 rem", () => {
  const narrow = /@media \(max-width: 40rem\) \{(.*)\}/s.exec(PAGE_STYLE)?.[1] ?? "";
  expect(narrow).toMatch(/\.checks \.what \{ grid-row: 2; grid-column: 1 \/ -1; \}/);
  expect(narrow).not.toContain("display: none");
});

/** Of WCAG 2: from 1 to 21. */
function contrast(a: string, b: string): number {
  const [dark = 0, bright = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
}

function luminance(hex: string): number {
  const digits = hex.length === 4 ? hex.slice(1).replaceAll(/./g, "$&$&") : hex.slice(1);
  const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = [0, 2, 4].map((at) => {
    const share = Number.parseInt(digits.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
