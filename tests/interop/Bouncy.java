// Bouncy Castle's CMS, for bouncy_test.py. Standard input has a job on each line, words between blanks:
//   seal KEY-KIND CERTIFICATE CIPHER TEXT OUT   (KEY-KIND: rsa, oaep, p256, p384, p521)
//   open KEY-KIND KEY IN OUT
// It answers each with a line, ok or what was wrong.
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.util.Map;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
import org.bouncycastle.asn1.ASN1EncodableVector;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.cms.Attribute;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.CMSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;

public class Bouncy {
    static final Map<String, ASN1ObjectIdentifier> CIPHERS = Map.of(
        "3DES-CBC", CMSAlgorithm.DES_EDE3_CBC, "AES-128-CBC", CMSAlgorithm.AES128_CBC,
        "AES-192-CBC", CMSAlgorithm.AES192_CBC, "AES-256-CBC", CMSAlgorithm.AES256_CBC,
        "AES-128-GCM", CMSAlgorithm.AES128_GCM, "AES-192-GCM", CMSAlgorithm.AES192_GCM,
        "AES-256-GCM", CMSAlgorithm.AES256_GCM);
    static final Map<String, String> CURVES = Map.of("p256", "P-256", "p384", "P-384", "p521", "P-521");

    static Object pem(String path) throws Exception {
        try (PEMParser parser = new PEMParser(new FileReader(path))) {
            return parser.readObject();
        }
    }

    static ASN1ObjectIdentifier agreement(String kind) {
        switch (kind) {
            case "p256": return CMSAlgorithm.ECDH_SHA256KDF;
            case "p384": return CMSAlgorithm.ECDH_SHA384KDF;
            default: return CMSAlgorithm.ECDH_SHA512KDF;
        }
    }

    static RecipientInfoGenerator recipient(String kind, X509Certificate certificate) throws Exception {
        if (kind.equals("rsa"))
            return new JceKeyTransRecipientInfoGenerator(certificate).setProvider("BC");
        if (kind.equals("oaep"))
            return new JceKeyTransRecipientInfoGenerator(certificate, new JcaAlgorithmParametersConverter()
                .getAlgorithmIdentifier(PKCSObjectIdentifiers.id_RSAES_OAEP, new OAEPParameterSpec(
                    "SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT))).setProvider("BC");
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", "BC");
        generator.initialize(new ECGenParameterSpec(CURVES.get(kind)));
        KeyPair own = generator.generateKeyPair();
        return new JceKeyAgreeRecipientInfoGenerator(agreement(kind), own.getPrivate(), own.getPublic(),
            CMSAlgorithm.AES256_WRAP).addRecipient(certificate).setProvider("BC");
    }

    static byte[] seal(String kind, String path, String cipher, byte[] text) throws Exception {
        X509Certificate certificate = new JcaX509CertificateConverter().setProvider("BC")
            .getCertificate((X509CertificateHolder) pem(path));
        JceCMSContentEncryptorBuilder encryptor =
            new JceCMSContentEncryptorBuilder(CIPHERS.get(cipher)).setProvider("BC");
        if (!cipher.endsWith("GCM")) {
            CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
            generator.addRecipientInfoGenerator(recipient(kind, certificate));
            return generator.generate(new CMSProcessableByteArray(text), encryptor.build()).getEncoded();
        }
        CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
        // Attributes stand behind the text, and are under the tag.
        ASN1EncodableVector attributes = new ASN1EncodableVector();
        attributes.add(new Attribute(CMSAttributes.contentType, new DERSet(CMSObjectIdentifiers.data)));
        generator.setAuthenticatedAttributeGenerator(
            new SimpleAttributeTableGenerator(new AttributeTable(attributes)));
        generator.addRecipientInfoGenerator(recipient(kind, certificate));
        return generator.generate(new CMSProcessableByteArray(text), (OutputAEADEncryptor) encryptor.build())
            .getEncoded();
    }

    static byte[] open(String kind, String path, byte[] ber) throws Exception {
        Object pem = pem(path);
        JcaPEMKeyConverter converter = new JcaPEMKeyConverter().setProvider("BC");
        PrivateKey key = pem instanceof PEMKeyPair ? converter.getKeyPair((PEMKeyPair) pem).getPrivate()
            : converter.getPrivateKey((PrivateKeyInfo) pem);
        boolean isRsa = kind.equals("rsa") || kind.equals("oaep");
        RecipientInformationStore recipients;
        Recipient how;
        if (CMSObjectIdentifiers.authEnvelopedData.equals(
                org.bouncycastle.asn1.cms.ContentInfo.getInstance(ber).getContentType())) {
            recipients = new CMSAuthEnvelopedData(ber).getRecipientInfos();
            if (!isRsa)
                throw new UnsupportedOperationException("it has no class for that");
            how = new JceKeyTransAuthEnvelopedRecipient(key).setProvider("BC");
        } else {
            recipients = new CMSEnvelopedData(ber).getRecipientInfos();
            how = isRsa ? new JceKeyTransEnvelopedRecipient(key).setProvider("BC")
                : new JceKeyAgreeEnvelopedRecipient(key).setProvider("BC");
        }
        return recipients.getRecipients().iterator().next().getContent(how);
    }

    public static void main(String[] words) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader jobs = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = jobs.readLine()) != null;) {
            String[] w = line.split(" ");
            try {
                byte[] out = w[0].equals("seal") ? seal(w[1], w[2], w[3], Files.readAllBytes(Path.of(w[4])))
                    : open(w[1], w[2], Files.readAllBytes(Path.of(w[3])));
                Files.write(Path.of(w[w.length - 1]), out);
                System.out.println("ok");
            } catch (Throwable e) {
                System.out.println(String.valueOf(e).replace("\n", " "));
            }
        }
    }
}
