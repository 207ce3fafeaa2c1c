import { createHash } from "node:crypto";

export const PAGE_STYLE = `
:root { color-scheme: light dark; --ok: #1a7f45; --bad: #c22f2f; --warn: #8f6409; --muted: #667; --line: #d9dce1; --card: #fff; --page: #f5f6f8; --text: #1b1f26; }
@media (prefers-color-scheme: dark) {
  :root { --ok: #4cc38a; --bad: #ff7a7a; --warn: #e8b64a; --muted: #98a0ad; --line: #2c323c; --card: #181c23; --page: #101318; --text: #e6e9ee; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1rem; margin-bottom: 1rem; }
h1 { font-size: 1.25rem; margin: 0; }
h2 { font-size: .8rem; letter-spacing: .04em; text-transform: uppercase; color: var(--muted); margin: 0 0 .5rem; font-weight: 600; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1rem; min-width: 0; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); margin-top: 1rem; }
.badge { border: 1px solid currentColor; border-radius: 1rem; padding: .05rem .7rem; font-weight: 600; font-size: .9rem; }
.ok { color: var(--ok); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.muted { color: var(--muted); }
.right { margin-left: auto; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .35rem .8rem .35rem 0; vertical-align: baseline; font-weight: 400; overflow-wrap: anywhere; }
tr + tr > * { border-top: 1px solid var(--line); }
td:last-child { padding-right: 0; }
.mark { white-space: nowrap; font-weight: 600; }
.name { overflow-wrap: anywhere; font-weight: 600; }
.since, .value { text-align: right; font-variant-numeric: tabular-nums; }
.since { white-space: nowrap; }
th { overflow-wrap: break-word; }
.ids th { overflow-wrap: anywhere; }
.trouble { color: var(--warn); margin: .5rem 0 0; overflow-wrap: anywhere; }
.notice { border-left: .3rem solid var(--bad); margin-bottom: 1rem; }
.notice p, .empty { margin: 0; overflow-wrap: anywhere; }
progress { width: 100%; height: .6rem; accent-color: var(--ok); }
footer { margin-top: 1rem; font-size: .85rem; }
a { color: inherit; }
ul { list-style: none; margin: 0; padding: 0; }
li { display: grid; gap: 0 .8rem; padding: .35rem 0; align-items: baseline; }
li + li { border-top: 1px solid var(--line); }
.checks li { grid-template-columns: 5rem 11rem minmax(0, 1fr) auto; }
.troubles li { grid-template-columns: 9rem minmax(0, 1fr); }
.what { overflow-wrap: anywhere; }
.what p { margin: 0; }
dl { display: grid; gap: .35rem 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr)); margin: 0; }
dl .wide { grid-column: 1 / -1; }
dt { color: var(--muted); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
main > section + section { margin-top: 1rem; }
@media (max-width: 40rem) {
  .checks li { grid-template-columns: auto 1fr auto; }
  .checks .what { grid-row: 2; grid-column: 1 / -1; }
  .troubles li { grid-template-columns: minmax(0, 1fr); }
  .right { margin-left: 0; }
}
`;

/** Only this style, no script, nothing from anywhere. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(PAGE_STYLE).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");
