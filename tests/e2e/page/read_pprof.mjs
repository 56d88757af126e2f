// SPDX-License-Identifier: Apache-2.0
// Prints what a reader of pprof's profiles finds in a file: [{stack, cause, process, function, seconds}], outermost first.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {gunzipSync} from "node:zlib";

const require = createRequire(join(process.env.LOOPSTALL_PAGE_MODULES, "package.json"));
const {Profile} = require("pprof-format");

const profile = Profile.decode(gunzipSync(readFileSync(process.argv[2])));
const text = (index) => profile.stringTable.strings[Number(index)];
const byId = (list) => new Map(list.map((one) => [Number(one.id), one]));
const locations = byId(profile.location);
const functions = byId(profile.function);
const [type] = profile.sampleType;
if (text(type.type) !== "busy" || text(type.unit) !== "nanoseconds") throw new Error("another sample type");

console.log(JSON.stringify(profile.sample.map((sample) => {
  const labels = Object.fromEntries(sample.label.map((label) => [text(label.key), text(label.str)]));
  const stack = sample.locationId.map((id) => {
    const [line] = locations.get(Number(id)).line;
    const {name, filename} = functions.get(Number(line.functionId));
    return [text(name), text(filename), Number(line.line)];
  });
  return {...labels, stack: stack.reverse(), seconds: Number(sample.value[0]) / 1e9};
})));
