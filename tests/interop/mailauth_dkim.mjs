// mailauth's judgement of the DKIM signatures of mails: files are arguments, RECORDS is the DNS as JSON (name: text), MODULES
// where its package is. A line for each mail: "selector=result ...".
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { dkimVerify } = createRequire(process.env.MODULES + '/')('mailauth/lib/dkim/verify')
const records = JSON.parse(process.env.RECORDS)
const resolver = async (name) => {
  if (records[name]) return [[records[name]]]
  throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
}
for (const path of process.argv.slice(2)) {
  const { results } = await dkimVerify(readFileSync(path), { resolver })
  console.log(results.map((r) => `${r.selector}=${r.status.result}`).sort().join(' '))
}
