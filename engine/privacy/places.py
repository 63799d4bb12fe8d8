"""States and countries by the codes that vendors want.

The tables are data: ISO 3166-1 (two letters, three letters, the English short name, others in use) and the postal codes of the
United States. Regions elsewhere have no codes that the vendors agree on.
"""

from __future__ import annotations

from functools import cache

from .texts import squeezed

_STATES = """
al Alabama|ak Alaska|az Arizona|ar Arkansas|ca California|co Colorado|ct Connecticut|de Delaware|dc District of Columbia
fl Florida|ga Georgia|hi Hawaii|id Idaho|il Illinois|in Indiana|ia Iowa|ks Kansas|ky Kentucky|la Louisiana|me Maine|md Maryland
ma Massachusetts|mi Michigan|mn Minnesota|ms Mississippi|mo Missouri|mt Montana|ne Nebraska|nv Nevada|nh New Hampshire
nj New Jersey|nm New Mexico|ny New York|nc North Carolina|nd North Dakota|oh Ohio|ok Oklahoma|or Oregon|pa Pennsylvania
ri Rhode Island|sc South Carolina|sd South Dakota|tn Tennessee|tx Texas|ut Utah|vt Vermont|va Virginia|wa Washington
wv West Virginia|wi Wisconsin|wy Wyoming|as American Samoa|gu Guam|mp Northern Mariana Islands|pr Puerto Rico
"""

_COUNTRIES = """
ad and Andorra|ae are United Arab Emirates;UAE|af afg Afghanistan|ag atg Antigua and Barbuda|ai aia Anguilla|al alb Albania
am arm Armenia|ao ago Angola|aq ata Antarctica|ar arg Argentina|as asm American Samoa|at aut Austria;Österreich|au aus Australia
aw abw Aruba|ax ala Åland Islands;Aland Islands;Åland;Aland|az aze Azerbaijan|ba bih Bosnia and Herzegovina;Bosnia|bb brb Barbados
bd bgd Bangladesh|be bel Belgium;België;Belgique|bf bfa Burkina Faso|bg bgr Bulgaria|bh bhr Bahrain|bi bdi Burundi|bj ben Benin
bl blm Saint Barthélemy;Saint Barthelemy|bm bmu Bermuda|bn brn Brunei Darussalam;Brunei|bo bol Bolivia
bq bes Bonaire, Sint Eustatius and Saba;Caribbean Netherlands|br bra Brazil;Brasil|bs bhs Bahamas;The Bahamas|bt btn Bhutan
bv bvt Bouvet Island|bw bwa Botswana|by blr Belarus|bz blz Belize|ca can Canada|cc cck Cocos Islands
cd cod Democratic Republic of the Congo;DR Congo;Congo-Kinshasa|cf caf Central African Republic
cg cog Congo;Republic of the Congo;Congo-Brazzaville|ch che Switzerland;Schweiz;Suisse;Svizzera
ci civ Côte d'Ivoire;Cote d'Ivoire;Ivory Coast|ck cok Cook Islands|cl chl Chile|cm cmr Cameroon|cn chn China;People's Republic of China
co col Colombia|cr cri Costa Rica|cu cub Cuba|cv cpv Cabo Verde;Cape Verde|cw cuw Curaçao;Curacao|cx cxr Christmas Island|cy cyp Cyprus
cz cze Czechia;Czech Republic|de deu Germany;Deutschland|dj dji Djibouti|dk dnk Denmark;Danmark|dm dma Dominica
do dom Dominican Republic|dz dza Algeria|ec ecu Ecuador|ee est Estonia|eg egy Egypt|eh esh Western Sahara|er eri Eritrea
es esp Spain;España|et eth Ethiopia|fi fin Finland;Suomi|fj fji Fiji|fk flk Falkland Islands|fm fsm Micronesia|fo fro Faroe Islands
fr fra France|ga gab Gabon|gb gbr United Kingdom;Great Britain;UK;England;Scotland;Wales;Northern Ireland|gd grd Grenada
ge geo Georgia|gf guf French Guiana|gg ggy Guernsey|gh gha Ghana|gi gib Gibraltar|gl grl Greenland|gm gmb Gambia;The Gambia
gn gin Guinea|gp glp Guadeloupe|gq gnq Equatorial Guinea|gr grc Greece|gs sgs South Georgia and the South Sandwich Islands
gt gtm Guatemala|gu gum Guam|gw gnb Guinea-Bissau|gy guy Guyana|hk hkg Hong Kong|hm hmd Heard Island and McDonald Islands
hn hnd Honduras|hr hrv Croatia;Hrvatska|ht hti Haiti|hu hun Hungary;Magyarország|id idn Indonesia|ie irl Ireland;Republic of Ireland
il isr Israel|im imn Isle of Man|in ind India|io iot British Indian Ocean Territory|iq irq Iraq|ir irn Iran;Islamic Republic of Iran
is isl Iceland|it ita Italy;Italia|je jey Jersey|jm jam Jamaica|jo jor Jordan|jp jpn Japan|ke ken Kenya|kg kgz Kyrgyzstan
kh khm Cambodia|ki kir Kiribati|km com Comoros|kn kna Saint Kitts and Nevis;St. Kitts and Nevis|kp prk North Korea
kr kor South Korea;Republic of Korea;Korea|kw kwt Kuwait|ky cym Cayman Islands|kz kaz Kazakhstan|la lao Laos|lb lbn Lebanon
lc lca Saint Lucia;St. Lucia|li lie Liechtenstein|lk lka Sri Lanka|lr lbr Liberia|ls lso Lesotho|lt ltu Lithuania
lu lux Luxembourg|lv lva Latvia|ly lby Libya|ma mar Morocco|mc mco Monaco|md mda Moldova;Republic of Moldova|me mne Montenegro
mf maf Saint Martin|mg mdg Madagascar|mh mhl Marshall Islands|mk mkd North Macedonia;Macedonia|ml mli Mali|mm mmr Myanmar;Burma
mn mng Mongolia|mo mac Macao;Macau|mp mnp Northern Mariana Islands|mq mtq Martinique|mr mrt Mauritania|ms msr Montserrat
mt mlt Malta|mu mus Mauritius|mv mdv Maldives|mw mwi Malawi|mx mex Mexico;México|my mys Malaysia|mz moz Mozambique|na nam Namibia
nc ncl New Caledonia|ne ner Niger|nf nfk Norfolk Island|ng nga Nigeria|ni nic Nicaragua|nl nld Netherlands;The Netherlands;Nederland;Holland
no nor Norway;Norge|np npl Nepal|nr nru Nauru|nu niu Niue|nz nzl New Zealand|om omn Oman|pa pan Panama|pe per Peru|pf pyf French Polynesia
pg png Papua New Guinea|ph phl Philippines;The Philippines|pk pak Pakistan|pl pol Poland;Polska|pm spm Saint Pierre and Miquelon
pn pcn Pitcairn|pr pri Puerto Rico|ps pse Palestine;State of Palestine|pt prt Portugal|pw plw Palau|py pry Paraguay|qa qat Qatar
re reu Réunion;Reunion|ro rou Romania|rs srb Serbia|ru rus Russia;Russian Federation|rw rwa Rwanda|sa sau Saudi Arabia
sb slb Solomon Islands|sc syc Seychelles|sd sdn Sudan|se swe Sweden;Sverige|sg sgp Singapore|sh shn Saint Helena|si svn Slovenia
sj sjm Svalbard and Jan Mayen|sk svk Slovakia|sl sle Sierra Leone|sm smr San Marino|sn sen Senegal|so som Somalia|sr sur Suriname
ss ssd South Sudan|st stp São Tomé and Príncipe;Sao Tome and Principe|sv slv El Salvador|sx sxm Sint Maarten|sy syr Syria
sz swz Eswatini;Swaziland|tc tca Turks and Caicos Islands|td tcd Chad|tf atf French Southern Territories|tg tgo Togo|th tha Thailand
tj tjk Tajikistan|tk tkl Tokelau|tl tls Timor-Leste;East Timor|tm tkm Turkmenistan|tn tun Tunisia|to ton Tonga
tr tur Türkiye;Turkiye;Turkey|tt tto Trinidad and Tobago|tv tuv Tuvalu|tw twn Taiwan|tz tza Tanzania|ua ukr Ukraine|ug uga Uganda
um umi United States Minor Outlying Islands|us usa United States of America;United States;America|uy ury Uruguay|uz uzb Uzbekistan
va vat Holy See;Vatican City;Vatican|vc vct Saint Vincent and the Grenadines|ve ven Venezuela|vg vgb British Virgin Islands
vi vir US Virgin Islands|vn vnm Vietnam;Viet Nam|vu vut Vanuatu|wf wlf Wallis and Futuna|ws wsm Samoa|ye yem Yemen|yt myt Mayotte
za zaf South Africa|zm zmb Zambia|zw zwe Zimbabwe
"""


def _rows(table: str) -> list[str]:
    return table.strip().replace("\n", "|").split("|")


@cache
def _state_codes() -> dict[str, str]:
    return {squeezed(name): code for code, name in (row.split(" ", 1) for row in _rows(_STATES))}


@cache
def _country_codes() -> dict[str, str]:
    """From three letters and from names; the two letters stand for themselves, before a name of two."""
    rows = _rows(_COUNTRIES)
    return {squeezed(name): row[:2] for row in rows for name in (row[3:6], *row[7:].split(";"))} | {
        row[:2]: row[:2] for row in rows
    }


_SUBDIVISION = "us-"
"""Before a state in ISO 3166-2."""


def state_code(region: str) -> str:
    """The two letters of a state of the United States (`California`, `CA`, `US-CA`); a region elsewhere squeezed."""
    name = squeezed(region.strip().lower().removeprefix(_SUBDIVISION))
    return _state_codes().get(name, name)


def country_code(country: str) -> str | None:
    """The two letters of a country, lower case: from those, three letters, or an English name. None if it is none of them."""
    name = squeezed(country)
    return _country_codes().get(name)
