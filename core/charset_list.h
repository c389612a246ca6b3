/* charset_list: the charsets with one octet a character, ASCII below 128. The
 * table generator and the product read the same list; the order is that of
 * enum charset and of the generated tables. New ones go to the end. */
#ifndef CORE_CHARSET_LIST_H
#define CORE_CHARSET_LIST_H

/* X(constant, the name to write, the name by which the build host's iconv knows it) */
#define CHARSET_SINGLE(X)                                                                      \
	X(ISO_8859_1, "ISO-8859-1", "ISO-8859-1")                                              \
	X(ISO_8859_2, "ISO-8859-2", "ISO-8859-2")                                              \
	X(ISO_8859_3, "ISO-8859-3", "ISO-8859-3")                                              \
	X(ISO_8859_4, "ISO-8859-4", "ISO-8859-4")                                              \
	X(ISO_8859_5, "ISO-8859-5", "ISO-8859-5")                                              \
	X(ISO_8859_6, "ISO-8859-6", "ISO-8859-6")                                              \
	X(ISO_8859_7, "ISO-8859-7", "ISO-8859-7")                                              \
	X(ISO_8859_8, "ISO-8859-8", "ISO-8859-8")                                              \
	X(ISO_8859_9, "ISO-8859-9", "ISO-8859-9")                                              \
	X(ISO_8859_10, "ISO-8859-10", "ISO-8859-10")                                           \
	X(ISO_8859_11, "ISO-8859-11", "ISO-8859-11")                                           \
	X(ISO_8859_13, "ISO-8859-13", "ISO-8859-13")                                           \
	X(ISO_8859_14, "ISO-8859-14", "ISO-8859-14")                                           \
	X(ISO_8859_15, "ISO-8859-15", "ISO-8859-15")                                           \
	X(ISO_8859_16, "ISO-8859-16", "ISO-8859-16")                                           \
	X(WINDOWS_1250, "windows-1250", "CP1250")                                              \
	X(WINDOWS_1251, "windows-1251", "CP1251")                                              \
	X(WINDOWS_1252, "windows-1252", "CP1252")                                              \
	X(WINDOWS_1253, "windows-1253", "CP1253")                                              \
	X(WINDOWS_1254, "windows-1254", "CP1254")                                              \
	X(WINDOWS_1255, "windows-1255", "CP1255")                                              \
	X(WINDOWS_1256, "windows-1256", "CP1256")                                              \
	X(WINDOWS_1257, "windows-1257", "CP1257")                                              \
	X(WINDOWS_1258, "windows-1258", "CP1258")                                              \
	X(WINDOWS_874, "windows-874", "CP874")                                                 \
	X(KOI8_R, "KOI8-R", "KOI8-R")                                                          \
	X(KOI8_U, "KOI8-U", "KOI8-U")                                                          \
	X(KOI8_T, "KOI8-T", "KOI8-T")                                                          \
	X(TIS_620, "TIS-620", "TIS-620")                                                       \
	X(IBM437, "IBM437", "CP437")                                                           \
	X(IBM737, "IBM737", "CP737")                                                           \
	X(IBM775, "IBM775", "CP775")                                                           \
	X(IBM850, "IBM850", "CP850")                                                           \
	X(IBM852, "IBM852", "CP852")                                                           \
	X(IBM855, "IBM855", "CP855")                                                           \
	X(IBM857, "IBM857", "CP857")                                                           \
	X(IBM858, "IBM858", "CP858")                                                           \
	X(IBM860, "IBM860", "CP860")                                                           \
	X(IBM861, "IBM861", "CP861")                                                           \
	X(IBM862, "IBM862", "CP862")                                                           \
	X(IBM863, "IBM863", "CP863")                                                           \
	X(IBM865, "IBM865", "CP865")                                                           \
	X(IBM866, "IBM866", "CP866")                                                           \
	X(IBM869, "IBM869", "CP869")                                                           \
	X(MACINTOSH, "macintosh", "MACINTOSH")                                                 \
	X(MAC_CYRILLIC, "x-mac-cyrillic", "MAC-CYRILLIC")                                      \
	X(MAC_CENTRALEUROPE, "x-mac-centraleurope", "MAC-CENTRALEUROPE")                       \
	X(HP_ROMAN8, "hp-roman8", "HP-ROMAN8")                                                 \
	X(PTCP154, "PTCP154", "PT154")

#endif
