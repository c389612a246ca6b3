// OpenPGP.js behind the verbs of draft-dkg-openpgp-stateless-cli that the interoperability tests use.
// OPENPGP_MODULE: where the library is. Keys are files, data is standard input, armour comes out.
import { readFileSync, writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const pgp = await import(pathToFileURL(process.env.OPENPGP_MODULE))
// RSA and the NIST curves are old, and wanted here. RFC 9580 lets readers decide.
const config = { minRSABits: 2048, rejectCurves: new Set(), allowInsecureDecryptionWithSigningKeys: false }

const [verb, ...words] = process.argv.slice(2)
const options = new Map()
const files = []
for (const word of words) {
  const option = /^--([a-z-]+)(?:=(.*))?$/s.exec(word)
  if (option) options.set(option[1], [...(options.get(option[1]) ?? []), option[2] ?? ''])
  else files.push(word)
}

const octets = async () => new Uint8Array(await buffer(process.stdin))
const isArmoured = (data) => data[0] === 0x2d
const read = (data, armoured, binary) => isArmoured(data)
  ? armoured(Buffer.from(data).toString()) : binary(data)
const key = (path, armoured, binary) => read(readFileSync(path), armoured, binary)
const keyPassword = () => options.get('with-key-password')?.map((path) => readFileSync(path, 'utf8').trimEnd())[0]
const secret = async (path) => {
  const privateKey = await key(path, (armoredKey) => pgp.readPrivateKey({ armoredKey }),
    (binaryKey) => pgp.readPrivateKey({ binaryKey }))
  return privateKey.isDecrypted() ? privateKey : pgp.decryptKey({ privateKey, passphrase: keyPassword() })
}
const cert = (path) => key(path, (armoredKey) => pgp.readKey({ armoredKey }), (binaryKey) => pgp.readKey({ binaryKey }))
const message = (data) => read(data, (armoredMessage) => pgp.readMessage({ armoredMessage }),
  (binaryMessage) => pgp.readMessage({ binaryMessage }))
const signature = (data) => read(data, (armoredSignature) => pgp.readSignature({ armoredSignature }),
  (binarySignature) => pgp.readSignature({ binarySignature }))
const all = (paths, get) => paths && Promise.all(paths.map(get))
const passwords = () => options.get('with-password')?.map((path) => readFileSync(path, 'utf8').trimEnd())

const V6 = { v6Keys: true, aeadProtect: true }
const KINDS = {
  curve25519: { type: 'ecc', curve: 'curve25519Legacy' },
  rsa2048: { type: 'rsa', rsaBits: 2048 },
  rsa3072: { type: 'rsa', rsaBits: 3072 },
  rsa4096: { type: 'rsa', rsaBits: 4096 },
  p256: { type: 'ecc', curve: 'nistP256' },
  p384: { type: 'ecc', curve: 'nistP384' },
  p521: { type: 'ecc', curve: 'nistP521' },
  brainpoolP256r1: { type: 'ecc', curve: 'brainpoolP256r1' },
  brainpoolP384r1: { type: 'ecc', curve: 'brainpoolP384r1' },
  brainpoolP512r1: { type: 'ecc', curve: 'brainpoolP512r1' },
  'v4-25519': { type: 'curve25519' },
  'v4-448': { type: 'curve448' },
  v6: { type: 'curve25519', config: V6 },
  'v6-448': { type: 'curve448', config: V6 },
  'v6-rsa3072': { type: 'rsa', rsaBits: 3072, config: V6 },
  'v6-p256': { type: 'ecc', curve: 'nistP256', config: V6 },
  'v6-p521': { type: 'ecc', curve: 'nistP521', config: V6 },
  'v6-brainpoolP384r1': { type: 'ecc', curve: 'brainpoolP384r1', config: V6 },
}

// What a signature has to prove, and where that is said.
const proven = async (signatures) => {
  await Promise.any(signatures.map((s) => s.verified))
  for (const path of options.get('verifications-out') ?? []) writeFileSync(path, 'good\n')
}

const VERBS = {
  async 'generate-key' () {
    const userIDs = files.map((name) => ({ name }))
    const kind = KINDS[options.get('profile')[0]]
    const { privateKey } = await pgp.generateKey({
      ...kind,
      config: { ...config, ...kind.config, ...JSON.parse(options.get('config')?.[0] ?? '{}') },
      userIDs,
      passphrase: keyPassword(),
      date: options.has('date') ? new Date(options.get('date')[0]) : undefined,
      keyExpirationTime: Number(options.get('expires')?.[0] ?? 0),
    })
    return privateKey
  },
  async 'extract-cert' () {
    const data = await octets()
    const whole = await read(data, (armoredKey) => pgp.readPrivateKey({ armoredKey }),
      (binaryKey) => pgp.readPrivateKey({ binaryKey }))
    return whole.toPublic().armor()
  },
  async encrypt () {
    return pgp.encrypt({
      message: await pgp.createMessage({ binary: await octets() }),
      encryptionKeys: await all(files.length ? files : undefined, cert),
      signingKeys: await all(options.get('sign-with'), secret),
      passwords: passwords(),
      config: { ...config, aeadProtect: true, ...JSON.parse(options.get('config')?.[0] ?? '{}') },
    })
  },
  async decrypt () {
    const { data, signatures } = await pgp.decrypt({
      message: await message(await octets()),
      decryptionKeys: await all(files.length ? files : undefined, secret),
      verificationKeys: await all(options.get('verify-with'), cert),
      passwords: passwords(),
      format: 'binary',
      config,
    })
    if (options.has('verify-with')) await proven(signatures)
    return data
  },
  async sign () {
    return pgp.sign({
      message: await pgp.createMessage({ binary: await octets() }),
      signingKeys: await all(files, secret),
      detached: true,
      config,
    })
  },
  async verify () {
    const { signatures } = await pgp.verify({
      message: await pgp.createMessage({ binary: await octets() }),
      signature: await signature(readFileSync(files[0])),
      verificationKeys: await all(files.slice(1), cert),
      config,
    })
    await proven(signatures)
    return 'good\n'
  },
  async 'inline-sign' () {
    const data = await octets()
    return pgp.sign({
      message: options.get('as')?.[0] === 'clearsigned'
        ? await pgp.createCleartextMessage({ text: Buffer.from(data).toString() })
        : await pgp.createMessage({ binary: data }),
      signingKeys: await all(files, secret),
      config,
    })
  },
  async 'inline-verify' () {
    const data = await octets()
    const start = Buffer.from(data.slice(0, 40)).toString()
    const isClear = start.startsWith('-----BEGIN PGP SIGNED MESSAGE-----')
    const { data: text, signatures } = await pgp.verify({
      message: isClear
        ? await pgp.readCleartextMessage({ cleartextMessage: Buffer.from(data).toString() })
        : await message(data),
      verificationKeys: await all(files, cert),
      format: isClear ? 'utf8' : 'binary',
      config,
    })
    await proven(signatures)
    return text
  },
}

try {
  process.stdout.write(await VERBS[verb]())
} catch (e) {
  console.error(e.message)
  process.exitCode = 1
}
