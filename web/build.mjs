// SPDX-License-Identifier: Apache-2.0
// Bundles src/ into dist/, which the agent embeds beside src/index.html. With --check it only says whether dist/ is what
// src/ and the lock file make, and ends with 1 if not.
import {readFile, writeFile} from "node:fs/promises";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

const here = new URL(".", import.meta.url);
const path = (name) => fileURLToPath(new URL(name, here));
const LIBRARIES = ["uplot", "d3-flame-graph", "d3-array", "d3-color", "d3-dispatch", "d3-ease", "d3-format",
  "d3-hierarchy", "d3-interpolate", "d3-scale", "d3-selection", "d3-time", "d3-time-format", "d3-timer",
  "d3-transition", "internmap"];

// Whose code the bundle holds, and under which licence: each of these asks that it be said.
async function origins() {
  const lines = await Promise.all(LIBRARIES.map(async (name) => {
    const about = JSON.parse(await readFile(path(`node_modules/${name}/package.json`)));
    const author = typeof about.author === "string" ? about.author : about.author.name;
    return ` * ${name} ${about.version}, ${about.license}, ${author}`;
  }));
  return ["/* SPDX-License-Identifier: Apache-2.0 */", "/*! loopstall's pages. Made by web/build.mjs from web/src and, by npm:", ...lines,
    " */"].join("\n");
}

async function bundle() {
  const banner = await origins();
  const made = await build({
    entryPoints: {page: path("src/main.js"), profile: path("src/profile.js")},
    outdir: path("dist"),
    bundle: true,
    minify: true,
    charset: "utf8",
    format: "iife",
    target: ["chrome111", "firefox113", "safari16.4"],
    legalComments: "none",
    banner: {js: banner, css: banner},
    write: false,
    logLevel: "warning",
  });
  return made.outputFiles.map((file) => [file.path, Buffer.from(file.contents)]);
}

const files = await bundle();
if (process.argv.includes("--check")) {
  for (const [name, made] of files) {
    const kept = await readFile(name).catch(() => Buffer.alloc(0));
    if (!kept.equals(made)) {
      console.error(`${name} is not what web/src makes: run "npm ci && npm run build" in web/`);
      process.exitCode = 1;
    }
  }
} else {
  for (const [name, made] of files) await writeFile(name, made);
}
