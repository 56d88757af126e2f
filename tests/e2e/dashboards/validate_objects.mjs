// SPDX-License-Identifier: Apache-2.0
// Reads a list of Kubernetes objects, as JSON, from standard input, and writes which are not what their schemas say, of
// which there is no schema, and which fields no schema knows: a validator looks at the fields that it knows, so the
// others are those that nobody has looked at. The argument is the folder in whose node_modules kubernetes-models is.
import {existsSync, readFileSync} from "node:fs";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const PACKAGES = ["kubernetes-models", "@kubernetes-models/prometheus-operator"];

async function modelOf({apiVersion, kind}) {
  for (const name of PACKAGES) {
    const file = join(process.argv[2], "node_modules", name, apiVersion, kind + ".js");
    if (existsSync(file)) return (await import(pathToFileURL(file).href))[kind];
  }
  return null;
}

/** The value, noting in `seen` the path of each of its fields that is looked at. */
function watched(value, seen, path = "") {
  if (value === null || typeof value !== "object") return value;
  return new Proxy(value, {
    get(target, key) {
      const inner = `${path}/${String(key)}`;
      seen.add(inner);
      return watched(target[key], seen, inner);
    },
  });
}

function pathsOf(value, path = "") {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, part]) => [`${path}/${key}`, ...pathsOf(part, `${path}/${key}`)]);
}

const found = {invalid: [], unknown: [], fields: []};
for (const object of JSON.parse(readFileSync(0, "utf8"))) {
  const Model = await modelOf(object);
  if (!Model) {
    found.unknown.push(object.kind);
    continue;
  }
  const seen = new Set();
  try {
    const model = new Model(object);
    for (const [key, value] of Object.entries(object)) model[key] = watched(value, seen, `/${key}`);
    model.validate();
    const nested = pathsOf(object).filter((path) => path.lastIndexOf("/") > 0);
    found.fields.push(...nested.filter((path) => !seen.has(path)).map((path) => object.kind + path));
  } catch (error) {
    found.invalid.push([object.kind, error.message]);
  }
}
found.unknown.sort();
process.stdout.write(JSON.stringify(found));
