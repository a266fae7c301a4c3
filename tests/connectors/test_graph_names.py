"""Names that OneDrive and SharePoint take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.connectors.graph import GraphConnector
from dossier.connectors.graph.names import LONGEST, fitting
from tests.connectors.fake_graph import BAD_NAME


class TestNames:
    @pytest.mark.parametrize(
        ("name", "there"),
        [
            ("Report (final) 50% #1 – ä 漢.docx", "Report (final) 50% #1 – ä 漢.docx"),
            ('a"*:<>?/\\|b', "a＂＊：＜＞？／＼｜b"),
            ("a\tb\x7f", "a_b_"),
            (" a ", "_a_"),
            ("\udce9\ufffe", "__"),
            (f".dossier-{'0' * 32}.part", f"．dossier-{'0' * 32}.part"),
            ("a...", "a．．．"),
            ("a. .", "a．_．"),
            (".", "．"),
            ("  ", "__"),
            ("", "_"),
            ("~$a.docx", "～$a.docx"),
            ("con", "ｃon"),
            ("Lpt7.txt", "Ｌpt7.txt"),
            ("com10", "com10"),
            (".lock", "．lock"),
            ("Desktop.ini", "Ｄesktop.ini"),
            ("a_VTI_b", "a＿VTI＿b"),
            ("a" * 300 + ".docx", "a" * 250 + ".docx"),
            ("😀" * 200, "😀" * 127),
        ],
    )
    def test_each(self, graph: GraphConnector, name: str, there: str) -> None:
        assert graph.name_for(name) == there

    @given(st.text(alphabet=st.sampled_from('aC:"~$._ \tovtilpnu1com.😀ä/'), max_size=300) | st.text(max_size=300))
    def test_all(self, name: str) -> None:
        there = fitting(name)
        assert there and not BAD_NAME.search(there) and len(there.encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST
        assert fitting(there) == there
